"""Options that an endpoint may refuse and that a call can do without.

Compatible endpoints lag behind the API they imitate, each in its own way. What one refuses by name is left out from
then on, for as long as the connection lasts, instead of asking the user to know which of them lacks what.
Only options that change nothing about the question are given up; a temperature that is refused is the user's to change.
"""

import re
from collections.abc import Container, Mapping
from typing import Any

from engine.llm.failures import Failure

OPTIONS = (
    "stream_options",
    "max_completion_tokens",
    "parallel_tool_calls",
    "tool_choice",
    "store",
    "stream",
)
"""In the order they are looked for: the first that a refusal names is the one left out."""

_WORDS = {"stream": r"\bstream(ing)?\b"}


def concession(failure: Failure, request: Mapping[str, Any], conceded: Container[str]) -> str | None:
    """The option of `request` that a 400 or 422 refuses, or None when it is about something else."""
    if failure.status not in (400, 422):
        return None
    sent = [option for option in OPTIONS if option in request and option not in conceded]
    by_param = next((option for option in sent if failure.param.split(".")[0] == option), None)
    return by_param or next((option for option in sent if _names(failure.said, option)), None)


def _names(text: str, option: str) -> bool:
    return re.search(_WORDS.get(option, rf"\b{option}\b"), text, re.I) is not None
