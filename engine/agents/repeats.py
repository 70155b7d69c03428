"""Calls that a model makes over and over: answered a few times, then told so, then taken as the end."""

import json
from collections import Counter, deque

from engine.models.messages import AgentToolCall

MOST_ALIKE = 3
"""Times that one call with the same arguments is answered among an agent's latest calls."""
LATEST_CALLS = 12
MOST_REFUSED = 5
"""Calls in a row that are refused for it before the agent is asked to conclude."""


class Repeats:
    """The latest calls of one agent."""

    def __init__(self) -> None:
        self._latest: deque[str] = deque(maxlen=LATEST_CALLS)
        self._refused = 0

    def objection(self, call: AgentToolCall) -> str:
        """What to answer in place of a result; empty when the call may be made. Counts the call."""
        key = f"{call.function.name} {_canonical(call.function.arguments)}"
        made = Counter(self._latest)[key]
        self._latest.append(key)
        if made < MOST_ALIKE:
            self._refused = 0
            return ""
        self._refused += 1
        return (
            f"{call.function.name} was called with these arguments {made} times among your last {LATEST_CALLS} calls; "
            f"{MOST_ALIKE} is the limit, and the answer is the one above. Ask something else, or conclude."
        )

    @property
    def endless(self) -> bool:
        """Whether nothing but repetition is to be expected."""
        return self._refused >= MOST_REFUSED


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments
