"""What a tool call did: the facts of a TOOL span's arguments and result, alone and beside the calls before it."""

import re
from typing import Any

from analysis.arguments import ArgumentFacts, argument_facts, text_hash
from analysis.likeness import Likeness
from analysis.reading import Reading
from analysis.soft_errors import soft_error
from domain.content_tools import DeclaredTool
from domain.spans import SpanStatus

_WORD = re.compile(r"[A-Za-z_][\w-]{5,80}|\d{2,20}")
_RESULT_CHARS = 20_000
_MAX_WORDS = 50


class Calls:
    """The calls of one trace, told in the order of their start."""

    def __init__(self) -> None:
        self._alike = Likeness()
        self._results: dict[int, str | None] = {}

    def facts(self, scope: int, reading: Reading, tool: str, declared: DeclaredTool | None) -> dict[str, Any]:
        """The fields of `SpanFact` that a TOOL span fills."""
        content = reading.content
        arguments, result = argument_facts(content.arguments(), declared), content.result()
        found: dict[str, Any] = {
            "arguments_hash": arguments.hash,
            "argument_keys": arguments.keys,
            "arguments_problem": arguments.problem,
            "arguments_chars": arguments.chars,
            "idle_arguments": arguments.idle,
            "builds_on_previous": self._builds(scope, arguments),
        }
        like = self._alike.like
        if arguments.hash:
            place = (scope, tool, "arguments")
            found["arguments_like"] = like(place, arguments.text, arguments.hash, by_number=True)
        if result is not None:
            found["result_hash"] = result_hash = text_hash(result)
            found["result_chars"] = len(result)
            found["result_like"] = like((scope, tool, "result"), result, result_hash, by_number=False)
            if reading.index.status is not SpanStatus.ERROR:
                found["soft_error"] = soft_error(tool, result)
        self._results[scope] = None if result is None else result[:_RESULT_CHARS]
        return found

    def _builds(self, scope: int, arguments: ArgumentFacts) -> bool | None:
        """Whether arguments hold a long word or a number that stands in the result of the call before."""
        before = self._results.get(scope)
        if before is None or not arguments.text:
            return None
        keys = arguments.value.keys() if isinstance(arguments.value, dict) else ()
        words = [word for word in _WORD.findall(arguments.text) if word not in keys]
        return any(word in before for word in words[:_MAX_WORDS])
