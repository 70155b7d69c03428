"""Comparing what the evidence tells with what a report says, leaf by leaf."""

from collections.abc import Iterator

from pydantic import BaseModel

SHOWN_CHARS = 200


def differences(path: str, told: object, found: object) -> Iterator[str]:
    """A line for each leaf in which what the evidence tells and what the report says differ."""
    if isinstance(told, BaseModel) and isinstance(found, BaseModel):
        yield from differences(path, dict(told), dict(found))
    elif isinstance(told, dict) and isinstance(found, dict):
        for key in dict.fromkeys((*told, *found)):
            if key not in told or key not in found:
                yield f"{path}.{key}: {_versus(told.get(key), found.get(key))}"
            else:
                yield from differences(f"{path}.{key}", told[key], found[key])
    elif isinstance(told, tuple) and isinstance(found, tuple):
        if len(told) != len(found):
            yield f"{path}: expected {len(told)} entries, found {len(found)}"
        for at, (one, other) in enumerate(zip(told, found, strict=False)):
            yield from differences(f"{path}[{at}]", one, other)
    elif told != found or isinstance(told, bool) is not isinstance(found, bool):
        yield f"{path}: {_versus(told, found)}"


def _versus(told: object, found: object) -> str:
    return f"expected {_shown(told)}, found {_shown(found)}"


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)[:SHOWN_CHARS]
