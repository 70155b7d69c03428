"""Lines that are shown as they stand have to be shown as decoding would show them."""

import json
from typing import Any

import pytest

from domain.halo_jsonl import decode_line
from domain.halo_lines import line_objects, line_text
from domain.spans import StoredSpan
from domain.written_lines import may_hold, needle_of, written_object
from tests.engine.querying.planted import line


def decoded(text: bytes) -> str:
    """A line as decoding and writing makes it."""
    resource = decode_line(text).resource_spans[0]
    scope = resource.scope_spans[0]
    return line_text(next(iter(line_objects([StoredSpan(resource.resource, scope.scope, scope.spans[0], b"", 0)]))))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"attributes": {"a": "ü\n\x01", "b": 1.5, "c": None, "d": [1, {"e": True}], "f": 2**62}},
        {"start_time": "2026-01-01T00:00:00Z", "end_time": "", "scope": {}, "resource": {}},
        {"parent_span_id": None, "trace_state": None, "unknown": 1, "events": []},
    ],
)
def test_a_line_as_halo_writes_it_is_shown_as_decoding_shows_it(more: dict[str, Any]) -> None:
    """Two answers for one line would make a model's quotes fail their check."""
    text = json.dumps(line(2, **more)).encode()
    shown = written_object(text)
    assert shown is not None
    assert line_text(shown) == decoded(text)


@pytest.mark.parametrize(
    "more",
    [
        {"span_id": "step-1"},
        {"span_id": "A" * 16},
        {"parent_span_id": "0" * 16},
        {"start_time": "2026-01-01T09:00:00+02:00"},
        {"start_time": "2026-02-30T09:00:00Z"},
        {"kind": "CLIENT"},
        {"attributes": {"n": 2**64}},
        {"attributes": {"n": float("nan")}},
        {"attributes": {"halo.source.span_id": "x"}},
        {"events": [{"name": "e"}]},
        {"status": 2},
    ],
)
def test_what_decoding_would_change_is_left_to_decoding(more: dict[str, Any]) -> None:
    """Such a line shown as it stands would differ from what other tools say of the span."""
    assert written_object(json.dumps(line(2, **more)).encode()) is None


def test_a_line_that_may_say_a_text_with_escapes_is_not_passed_over() -> None:
    """A search that skips an escaped text would report no match where there is one."""
    assert needle_of("timeout") == b"timeout"
    assert not may_hold(b'{"name":"chat"}', b"timeout")
    assert may_hold(b'{"name":"\\u0074imeout"}', b"timeout")
