"""The value of the last expression, as JSON has it and of bounded size."""

import json
from reprlib import Repr
from typing import Any

_SHORT = Repr()
_SHORT.maxlevel = 4
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = _SHORT.maxfrozenset = 50
_SHORT.maxstring = _SHORT.maxother = 2_000


def plain(value: Any, most_bytes: int) -> Any:
    """A value that JSON can hold; what it cannot, or what is longer, as text that says so."""
    pieces: list[str] = []
    size = 0
    try:
        for piece in json.JSONEncoder(allow_nan=False).iterencode(value):
            pieces.append(piece[: most_bytes + 1])
            size += len(piece)
            if size > most_bytes:
                return f"{''.join(pieces)[:most_bytes]} [cut: print or return less]"
        return json.loads("".join(pieces))
    except (TypeError, ValueError, RecursionError):
        return _SHORT.repr(value)[:most_bytes]
