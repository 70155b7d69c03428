"""The type of an error: what was raised, by the most telling name that the span gives.

The exception's type comes first; it says little when it is the base of all exceptions, or when a framework
wraps what a provider raised and quotes it on a line of its own. Keywords inside quoted code never count.
"""

import re

from domain.content import RecordedException

_LEADING = re.compile(
    r"((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Timeout|Interrupt|Exit|Fault|Failure))\b\s*(?::|$)"
)
_GENERAL = frozenset(("", "Exception", "Error", "BaseException", "_OTHER", "Traceback"))
_MAX_CHARS = 100
_SCAN_MAX_CHARS = 4_000


def error_type(exception: RecordedException | None, text: str, attribute: str) -> str:
    """The unqualified type of an error, "" when nothing names it.

    `text` is what the span says of its error (status message first), `attribute` its error.type.
    """
    stated = _unqualified(exception.type) if exception is not None else ""
    lines = [line.strip() for line in text[-_SCAN_MAX_CHARS:].splitlines() if line.strip()]
    last = _LEADING.match(lines[-1]) if lines else None
    if len(lines) > 1 and last is not None and "." in last[1]:
        return _unqualified(last[1])  # a qualified name on a line of its own: what a wrapper wraps
    if stated not in _GENERAL:
        return stated
    if last is not None and _unqualified(last[1]) not in _GENERAL:
        return _unqualified(last[1])
    return next((name for name in (_unqualified(attribute), stated) if name and name != "_OTHER"), "")


def _unqualified(name: str) -> str:
    return name.strip().rpartition(".")[2][:_MAX_CHARS]
