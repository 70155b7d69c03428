"""Which tool calls a history answers, found in its text without parsing all of it.

An agent repeats its whole history on every turn; reading 30 KB of JSON for a handful of ids would cost more than
everything else that is read of the span.
"""

import json
import re
from collections.abc import Mapping

from domain.content_messages import text_of
from domain.otlp import PlainValue

_MARKS = ("tool_call_response", "function_call_output", "tool_result", "tool-result", "gen_ai.tool.message")
_ANSWER_MARK = re.compile(
    r'"(?:type|event\.name)"\s*:\s*"'
    r'(?:tool_call_response|function_call_output|tool_result|tool-result|gen_ai\.tool\.message)"'
)
_GEMINI_MARK = re.compile(r'"function_?[rR]esponse"\s*:\s*(?=\{)')
_ANSWER_ID = re.compile(r'"(?:tool_call_id|tool_use_id)"\s*:\s*"([^"\\]{1,200})"')
_ID_KEYS = ("id", "call_id", "toolCallId")
_WORK, _ATTEMPT_CHARS = 8, 20  # how often a text may be read over, and what an attempt costs at least
_DECODER = json.JSONDecoder()


def answered_ids(text: str) -> list[str]:
    """The tool call ids that messages in a JSON text answer, found without parsing the whole history.

    Only the small objects around an answer's mark are parsed; inside quoted text the marks are escaped and
    so never match. The work is bounded by the length of the text, broken or hostile as it may be.
    """
    found = [match[1] for match in _ANSWER_ID.finditer(text)] if "tool_call_id" in text or "tool_use_id" in text else []
    if '"function_response"' in text or '"functionResponse"' in text:
        found += _gemini_ids(text)
    if not any(mark in text for mark in _MARKS):
        return found
    read_until, budget = 0, _WORK * len(text)
    for match in _ANSWER_MARK.finditer(text):
        mark = start = match.start()
        while mark >= read_until and budget > 0 and (start := text.rfind("{", 0, start)) >= 0:
            answer, end = _object_at(text, start)
            budget -= end - start + _ATTEMPT_CHARS
            if answer is not None and end > mark:
                read_until = end
                found.append(text_of(next((answer[key] for key in _ID_KEYS if answer.get(key)), None)))
    return [call_id for call_id in found if call_id]


def _gemini_ids(text: str) -> list[str]:
    """The ids of Gemini's function responses, each an object under its own key; responses are not nested."""
    found: list[str] = []
    read_until = 0
    for match in _GEMINI_MARK.finditer(text):
        if match.start() >= read_until:
            answer, read_until = _object_at(text, match.end())
            if answer is None:
                break
            found.append(text_of(answer.get("id")))
    return [call_id for call_id in found if call_id]


def _object_at(text: str, start: int) -> tuple[Mapping[str, PlainValue] | None, int]:
    """The object that starts at a brace, None when none does, and how far the text was read."""
    try:
        found, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        return None, error.pos
    except (ValueError, RecursionError):
        return None, start
    return found, end
