"""Changing one leaf of a report at a time, to see whether verification notices."""

import copy
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf of a JSON value with its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def dotted(path: Path) -> str:
    """A path as verification writes it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def changed(report: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of a report with one leaf replaced."""
    edited = copy.deepcopy(report)
    owner: Any = edited
    for step in path[:-1]:
        owner = owner[step]
    owner[path[-1]] = value
    return edited


def other(value: Any) -> Any:
    """The value with one digit or letter changed."""
    if isinstance(value, str):
        return value[:-1] + ("x" if value[-1:] != "x" else "y")
    return value + 1 if isinstance(value, int) else round(value + 0.001, 6)


def checked_leaves(report: dict[str, Any]) -> list[tuple[Path, Any]]:
    """Every number that a report states, every quote, hash and value of a split.

    Not the ledger's: its claims repeat what findings say, and are told only where the findings are right.
    """
    kept = []
    for path, value in leaves({key: part for key, part in report.items() if key != "claims"}):
        names = {step for step in path if isinstance(step, str)}
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_counted = is_number and bool(names & {"coverage", "agents", "counts", "splits", "waste", "expect"})
        if is_counted or names & {"splits", "quote", "sha256", "missing_fields", "outcome_source"}:
            kept.append((path, value))
    return kept
