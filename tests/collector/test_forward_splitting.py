"""Cutting requests of any signal: every item once, every byte of it unchanged, nothing of its envelope lost."""

from typing import Any

import pytest

from collector.outgoing.splitting import halves, portions, without
from domain.signals import LOGS, METRICS, PROFILES, TRACES, Signal

UNKNOWN = b"\xfa\x7f\x05later"


def message(signal: Signal, items: int, size: int = 1) -> Any:
    """Items over two scopes of two resources."""
    names: dict[str, Any] = {
        "traces": ("spans", lambda n: {"name": f"{n}" + "x" * size}),
        "logs": ("log_records", lambda n: {"event_name": f"{n}" + "x" * size}),
        "metrics": ("metrics", lambda n: {"name": f"{n}" + "x" * size, "gauge": {"data_points": [{"as_int": n}]}}),
        "profiles": ("profiles", lambda n: {"profile_id": f"{n}".encode() + b"x" * size}),
    }
    field, item = names[signal.name]
    outer, inner = (f"{kind}_{signal.name if signal is not TRACES else 'spans'}" for kind in ("resource", "scope"))
    made = [
        {
            "resource": {"attributes": [{"key": f"r{r}", "value": {"int_value": r}}]},
            inner: [
                {"scope": {"name": f"s{s}"}, field: [item(n) for n in range(items) if (n % 2, n // 2 % 2) == (r, s)]}
                for s in range(2)
            ],
        }
        for r in range(2)
    ]
    more = {"dictionary": {"string_table": ["", "a"]}} if signal is PROFILES else {}
    return signal.request(**{outer: made, **more})


def items_of(signal: Signal, request: bytes) -> list[bytes]:
    """Each item with its resource and scope."""
    found = []
    parsed = signal.request.FromString(request)
    [outer] = [value for field, value in parsed.ListFields() if field.number == 1]
    for resource in outer:
        for field, scopes in resource.ListFields():
            for scope in scopes if field.number == 2 else ():
                for field_in_scope, items in scope.ListFields():
                    if field_in_scope.number == 2:
                        where = resource.resource.SerializeToString() + scope.scope.SerializeToString()
                        found += [where + item.SerializeToString() for item in items]
    return found


@pytest.mark.parametrize("signal", [TRACES, LOGS, METRICS, PROFILES], ids=lambda signal: signal.name)
def test_two_halves_are_the_whole(signal: Signal) -> None:
    """What one half loses is lost for good: the whole is no longer owed."""
    whole = message(signal, 9).SerializeToString() + UNKNOWN
    parts = halves(whole)

    assert [item for part in parts for item in items_of(signal, part)] == items_of(signal, whole)
    assert [signal.count(signal.request.FromString(part)) for part in parts] == [4, 5]
    assert all(UNKNOWN in part for part in parts)
    if signal is PROFILES:
        assert all(signal.request.FromString(part).dictionary.string_table == ["", "a"] for part in parts)


def test_one_item_has_no_halves() -> None:
    """Else it would be cut forever."""
    assert halves(message(TRACES, 1).SerializeToString()) == []
    assert halves(b"") == []


@pytest.mark.parametrize("signal", [TRACES, LOGS, METRICS, PROFILES], ids=lambda signal: signal.name)
@pytest.mark.parametrize("limit", [200, 500, 5_000])
def test_portions_fit_and_are_few(signal: Signal, limit: int) -> None:
    """The target takes each of them, and there are not more than it takes."""
    whole = message(signal, 60, size=30).SerializeToString() + UNKNOWN
    parts = portions(whole, limit)

    assert [item for part in parts for item in items_of(signal, part)] == items_of(signal, whole)
    assert max(len(part) for part in parts) <= limit
    assert len(parts) <= max(1, len(whole) * 4 // limit)


def test_an_item_larger_than_the_limit_goes_by_itself() -> None:
    """Perhaps the target takes it all the same; its neighbours should not wait for that."""
    whole = TRACES.request(
        resource_spans=[{"scope_spans": [{"spans": [{"name": "a"}, {"name": "b" * 900}, {"name": "c"}]}]}]
    ).SerializeToString()

    assert [TRACES.count(TRACES.request.FromString(part)) for part in portions(whole, 100)] == [1, 1, 1]


def test_items_are_left_out_by_position() -> None:
    """The positions are those of the parsed message."""
    whole = message(LOGS, 8).SerializeToString()
    every = items_of(LOGS, whole)

    assert items_of(LOGS, without(whole, [0, 7, 3])) == [item for n, item in enumerate(every) if n not in (0, 3, 7)]
