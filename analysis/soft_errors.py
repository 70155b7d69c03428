"""Soft errors: a tool that reports an error in its result while its span says that all went well.

Only the first characters of a result are looked at, since errors stand at the beginning and quoted logs further
down. Tools that read or search may quote any text, so of theirs only the JSON answers of the tool itself count.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from domain.content_json import read_json
from domain.content_messages import text_of
from domain.masking import template
from domain.otlp import PlainValue

_HEAD_CHARS = 400
_JSON_MAX_CHARS = 64 * 1024
_TELLING_CHARS = 2_000
_READING = frozenset(("read", "cat", "open", "view", "search", "grep", "fetch", "head", "tail", "log", "logs"))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_MARKS = ("rror", "RROR", "xception", "Traceback", " code", " status")
_LINE = re.compile(
    r"^[ \t]{0,8}(?:[#>*\[<-]{1,4}[ \t]?)?(?:"
    r"(?:HTTP[ \t])?(?:error|Error|ERROR)[ \t]?:?[ \t]?\d{3}\b"
    r"|(?:tool_use_)?(?:error|Error|ERROR)\b[ \t]?(?:[:>]|while|when|in|running|calling|executing|during)"
    r"|Traceback \(most recent call last\)"
    r"|(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception)(?:[ \t]?:|$)"
    r"|(?:[Cc]ommand|[Pp]rocess|[Pp]rogram|[Ss]cript)?[ \t]?(?:failed[ \t]with[ \t])?"
    r"(?:[Ee]xit(?:ed)?|[Rr]eturn(?:ed)?)[ \t](?:with[ \t])?(?:code|status)[ \t]?[:=]?[ \t]?-?[1-9]\d{0,9}\b"
    r")",
    re.MULTILINE,
)
_RAISED = re.compile(
    r"^(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception|Exit|Interrupt)\b[^\n]{0,300}", re.M
)
_JSON_MARKS = ('rror"', 'rrors"', '"success"', '"ok"', '"status"', "xit_code", "xitCode", "eturncode", "eturn_code")
_JSON_TRUE = re.compile(r'"(?:isError|is_error)"\s{0,9}:\s{0,9}true\b|"(?:success|ok)"\s{0,9}:\s{0,9}false\b')
_CODES = ("exit_code", "exitCode", "returncode", "return_code")
_REASONS = ("message", "error_message", "errorMessage", "reason", "detail", "stderr", "content", "output")
_FINE = frozenset(("", "none", "null", "no", "no error", "no errors", "ok", "false", "0"))


def soft_error(tool: str, result: str) -> str:
    """The masked text of the error that a result reports; "" when it reports none."""
    head = result[:_HEAD_CHARS]
    if head.lstrip()[:1] == "{" and any(mark in head for mark in _JSON_MARKS):
        told = _told_in_json(result)
        if told:
            return template(told[:_TELLING_CHARS]) or "error"
    if not any(mark in head for mark in _MARKS) or _reads(tool):
        return ""
    found = _LINE.search(head)
    return template(_telling(result, found.start())) if found is not None else ""


@lru_cache(maxsize=1_024)
def _reads(tool: str) -> bool:
    """Whether a tool's name says that it hands on what others wrote."""
    return not _READING.isdisjoint(word.lower() for word in _WORD.findall(tool[:200]))


def _telling(result: str, start: int) -> str:
    """What tells the error: its line, or of a traceback the exception that ends it."""
    text = result[start : start + _TELLING_CHARS].lstrip(" \t#>*[<-")
    if not text.startswith("Traceback ("):
        return text
    raised = _RAISED.findall(text)
    return raised[-1] if raised else "Traceback"


def _told_in_json(text: str) -> str:
    if len(text) > _JSON_MAX_CHARS:
        return "error" if _JSON_TRUE.search(text[:_HEAD_CHARS]) else ""
    found = read_json(text)
    return _error_in(found.value) if found is not None and isinstance(found.value, dict) else ""


def _error_in(answer: Mapping[str, PlainValue]) -> str:
    """What an answer's own fields say went wrong; "" for nothing."""
    for key in ("error", "errors"):
        if told := _error_text(answer.get(key)):
            return told
    code = next((value for key in _CODES if isinstance(value := answer.get(key), int)), 0)
    flagged = answer.get("isError") is True or answer.get("is_error") is True
    failed = answer.get("success") is False or answer.get("ok") is False or answer.get("status") == "error"
    if flagged or failed:
        return _reason(answer) or "error"
    return f"exit code {code}: {_reason(answer)}".rstrip(": ") if code else ""


def _error_text(value: PlainValue) -> str:
    """The text of an `error` field; a number is a measurement, not an error."""
    if isinstance(value, str):
        return "" if value.strip().lower() in _FINE else value
    if isinstance(value, list):
        return next(filter(None, map(_error_text, value[:1])), "")
    if isinstance(value, dict):
        return _reason(value) or (text_of(value) if value.get("code") or value.get("type") else "")
    return "error" if value is True else ""


def _reason(answer: Mapping[str, PlainValue]) -> str:
    for key in _REASONS:
        value = answer.get(key)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = value[0].get("text")
        if isinstance(value, str) and value.strip():
            return value
    return ""
