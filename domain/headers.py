"""Headers that a user sets for requests, judged before one is sent.

A client that meets one it cannot send calls that a fault of the connection, and tries it again.
Source: RFC 9110 §5.1 (names are tokens) and §5.5 (values; of those beyond ASCII it allows, the client sends none).
"""

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SHOWN_CHARS = 60


def header_problems(headers: Mapping[str, str]) -> list[str]:
    """One line for each header that cannot be sent; it quotes the name and never the value, which may be a secret."""
    return [
        f"header {name[:_SHOWN_CHARS]!r}: {said}" for name, value in headers.items() if (said := _said(name, value))
    ]


def _said(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name):
        return "is no name of a header; use letters, digits and dashes"
    if _CONTROL.search(value):
        return "its value has a line break or another control character; remove it"
    if not value.isascii():
        return "its value has characters beyond ASCII; encode or remove them"
    return "its value begins or ends with a blank; remove it" if value != value.strip() else ""
