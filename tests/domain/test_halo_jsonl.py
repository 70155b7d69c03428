"""Trace files in the wild are HALO's span lines with everything that people do to them."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import PermanentError
from domain.halo_jsonl import decode_line
from domain.otlp import ExportTraceServiceRequest, ResourceSpans, Span, attributes
from domain.spans import SOURCE_SPAN_ID, SOURCE_TRACE_ID

_LINE: dict[str, Any] = {
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "span_id": "00f067aa0ba902b7",
    "parent_span_id": "",
    "trace_state": "",
    "name": "main",
    "kind": "SPAN_KIND_INTERNAL",
    "start_time": "2025-03-19T16:32:08.062589Z",
    "end_time": "2025-03-19T16:33:56.817919123Z",
    "status": {"code": "STATUS_CODE_ERROR", "message": "boom"},
    "resource": {"attributes": {"service.name": "agent"}},
    "scope": {"name": "lib", "version": "1"},
    "attributes": {"openinference.span.kind": "AGENT"},
}
_START_NS = 1742401928_062589000


def _decode(changes: Mapping[str, Any] | None = None, *, without: str = "") -> ResourceSpans:
    line = {key: value for key, value in {**_LINE, **(changes or {})}.items() if key != without}
    (found,) = decode_line(json.dumps(line).encode()).resource_spans
    return found


def _span(changes: Mapping[str, Any] | None = None, *, without: str = "") -> Span:
    return _decode(changes, without=without).scope_spans[0].spans[0]


def test_a_line_becomes_the_span_it_describes() -> None:
    """Nothing of a well-formed line is lost or guessed."""
    found = _decode()
    span = found.scope_spans[0].spans[0]

    assert attributes(found.resource) == {"service.name": "agent"}
    assert (found.scope_spans[0].scope.name, found.scope_spans[0].scope.version) == ("lib", "1")
    assert (span.trace_id.hex(), span.span_id.hex()) == (_LINE["trace_id"], _LINE["span_id"])
    assert (span.parent_span_id, span.name, span.kind) == (b"", "main", Span.SPAN_KIND_INTERNAL)
    assert span.start_time_unix_nano == _START_NS
    assert span.end_time_unix_nano - span.start_time_unix_nano == 108_755330123
    assert (span.status.code, span.status.message) == (2, "boom")
    assert attributes(span) == {"openinference.span.kind": "AGENT"}


@pytest.mark.parametrize(
    ("changes", "start_ns"),
    [
        ({"start_time": _START_NS}, _START_NS),
        ({"start_time": str(_START_NS)}, _START_NS),
        ({"start_time": "2025-03-19T16:32:08.062589"}, _START_NS),
        ({"start_time": "2025-03-19 17:32:08.062589+01:00"}, _START_NS),
        ({"start_time": "2025-03-19T12:02:08,062589-0430"}, _START_NS),
        ({"start_time": "2025-03-19T16:32:08.0625890004Z"}, _START_NS),
        ({"start_time": "2025-03-19T16:32:08Z"}, _START_NS - 62589000),
    ],
)
def test_a_time_is_the_same_moment_however_it_is_written(changes: Mapping[str, Any], start_ns: int) -> None:
    """A wrong zone moves spans out of their parent and out of the window."""
    assert _span(changes).start_time_unix_nano == start_ns


@pytest.mark.parametrize(
    "changes",
    [
        {"parent_span_id": None},
        {"scope": None},
        {"resource": None},
        {"attributes": None},
        {"events": None, "links": None},
        {"status": {"code": 2, "message": "boom", "extra": 1}},
        {"status": {"code": "ERROR", "message": "boom"}},
        {"kind": 1, "new_key": {"nobody": "knows"}},
        {"kind": "internal"},
    ],
)
def test_what_files_leave_out_or_write_otherwise_is_understood(changes: Mapping[str, Any]) -> None:
    """Each of these ends a run of the tool the files were made for."""
    span = _span(changes)

    assert (span.parent_span_id, span.status.code, span.kind) == (b"", 2, 1)


@pytest.mark.parametrize("absent", ["end_time", "status", "kind", "scope", "resource", "parent_span_id", "trace_state"])
def test_most_keys_may_be_missing(absent: str) -> None:
    """A span that never ended has no end; that is a finding, not a broken file."""
    assert _span(without=absent).name == "main"


def test_ids_that_are_no_otlp_ids_are_derived_alike_everywhere() -> None:
    """Parents and links must still point at the span they name, and people must recognise their ids."""
    parent = _span({"trace_id": "t-0001", "span_id": "s-1"})
    child = _span(
        {
            "trace_id": "t-0001",
            "span_id": "s-2",
            "parent_span_id": "s-1",
            "links": [{"trace_id": "t-0001", "span_id": "s-1", "attributes": {"why": "retry"}}],
        }
    )

    assert parent.trace_id == child.trace_id == sha256(b"t-0001").digest()[:16]
    assert child.parent_span_id == parent.span_id == child.links[0].span_id == sha256(b"s-1").digest()[:8]
    assert attributes(child.links[0]) == {"why": "retry"}
    assert {key: attributes(child)[key] for key in (SOURCE_TRACE_ID, SOURCE_SPAN_ID)} == {
        SOURCE_TRACE_ID: "t-0001",
        SOURCE_SPAN_ID: "s-2",
    }


@pytest.mark.parametrize("odd", ["0" * 32, "e661b435ae4f4e708348f5e2", "0af7651916cd43dd8448eb211c80319g", 7])
def test_an_id_of_wrong_form_never_becomes_an_invalid_otlp_id(odd: object) -> None:
    """Zero and wrong-length ids are refused by every OTLP receiver, ours included."""
    span = _span({"trace_id": odd})

    assert (len(span.trace_id), any(span.trace_id)) == (16, True)
    assert attributes(span)[SOURCE_TRACE_ID] == str(odd)


def test_upper_case_hexadecimal_is_the_same_id() -> None:
    """Case is no part of an id."""
    span = _span({"span_id": "00F067AA0BA902B7"})

    assert span.span_id.hex() == _LINE["span_id"]
    assert SOURCE_SPAN_ID not in attributes(span)


def test_attribute_values_keep_their_type() -> None:
    """Token counts as text stay text: what was recorded is what is kept."""
    values = {"t": "7", "i": 7, "f": 7.0, "b": True, "n": None, "l": [1, "a", None], "o": {"k": [False]}, "e": ""}
    found = attributes(_span({"attributes": values}))

    assert found == values
    assert [type(found[key]) for key in "tifb"] == [str, int, float, bool]


def test_null_is_recorded_as_a_value_that_holds_nothing() -> None:
    """An output recorded as null is empty; an output that is not there was not recorded."""
    span = _span({"attributes": {"output.value": None}})

    assert span.attributes[0].key == "output.value"
    assert span.attributes[0].value.WhichOneof("value") is None


def test_values_nested_too_deeply_for_protobuf_are_kept_as_text() -> None:
    """The bytes must be readable again: protobuf's parser stops at a hundred levels."""
    deep: Any = "core"
    for _ in range(60):
        deep = {"k": [deep]}
    span = _span({"attributes": {"deep": deep}})

    request = decode_line(json.dumps({**_LINE, "attributes": {"deep": deep}}).encode())
    assert ExportTraceServiceRequest.FromString(request.SerializeToString()) == request
    assert json.loads(str(attributes(span)["deep"])) == deep


def test_events_carry_name_time_and_attributes() -> None:
    """Exceptions live in events; a time without a zone is UTC."""
    event = {"name": "exception", "time": "2025-03-19T16:32:08.062589", "attributes": {"exception.type": "E"}}
    (found,) = _span({"events": [event]}).events

    assert (found.name, found.time_unix_nano, attributes(found)) == ("exception", _START_NS, {"exception.type": "E"})


def test_half_a_surrogate_pair_is_replaced_and_the_span_kept() -> None:
    """JSON can carry what UTF-8 cannot; one broken character is no reason to lose a span."""
    line = json.dumps({**_LINE, "name": "x\ud83d", "attributes": {"k\ud83d": ["\ude00", {"\ud83d": 1}], "t": "\ud83d"}})
    span = decode_line(line.encode()).resource_spans[0].scope_spans[0].spans[0]

    assert span.name == "x\ufffd"
    assert attributes(span) == {"k\ufffd": ["\ufffd", {"\ufffd": 1}], "t": "\ufffd"}


def test_an_otlp_document_is_a_line_too() -> None:
    """Collectors write one OTLP/JSON document a line; both kinds may stand in one file."""
    span = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "00f067aa0ba902b7", "name": "native"}
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span, {**span, "spanId": "00f067aa0ba902b8"}]}]}]}
    found = decode_line(json.dumps(document).encode())

    assert [one.name for one in found.resource_spans[0].scope_spans[0].spans] == ["native", "native"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"trace_id": "a"', "not JSON at column 17"),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b"[" * 100_000, "JSON nested too deeply"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "a JSON number is too long"),
        (b"[1]", "expected a JSON object, found a list"),
        (b"{}", "trace_id: missing"),
        (json.dumps({**_LINE, "span_id": ""}).encode(), "span_id: missing"),
        (json.dumps({**_LINE, "trace_id": 1.5}).encode(), "trace_id: expected text, found a number"),
        (json.dumps({**_LINE, "start_time": None}).encode(), "start_time: missing"),
        (json.dumps({**_LINE, "start_time": "yesterday"}).encode(), "start_time: expected an ISO 8601 time"),
        (json.dumps({**_LINE, "end_time": "2025-13-01T00:00:00Z"}).encode(), "end_time: expected an ISO 8601 time"),
        (json.dumps({**_LINE, "end_time": -5}).encode(), "end_time: expected an ISO 8601 time"),
        (json.dumps({**_LINE, "kind": "SPAN_KIND_ODD"}).encode(), "kind: unknown value; use one of SPAN_KIND_"),
        (json.dumps({**_LINE, "status": {"code": 9}}).encode(), "status.code: unknown value; use one of STATUS_CODE_"),
        (json.dumps({**_LINE, "attributes": [1]}).encode(), "attributes: expected an object, found a list"),
        (json.dumps({**_LINE, "events": [1]}).encode(), "events: expected a list of objects"),
        (json.dumps({**_LINE, "resource": "x"}).encode(), "resource: expected an object, found text"),
        (b'{"resourceSpans": 5}', "resourceSpans"),
    ],
)
def test_a_line_that_is_no_span_says_why(line: bytes, reason: str) -> None:
    """The reason is printed beside file and line number: it must fit there and let a person find the fault."""
    with pytest.raises(PermanentError) as caught:
        decode_line(line)

    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*_LINE, "events", "links", "flags"]), _VALUES, max_size=4))
def test_any_json_either_is_a_span_that_can_be_stored_or_says_why_not(changes: Mapping[str, Any]) -> None:
    """Whatever a file holds, the loader goes on to the next line."""
    try:
        request = decode_line(json.dumps({**_LINE, **changes}).encode())
    except PermanentError as error:
        assert "\n" not in str(error)
    else:
        raw = request.SerializeToString()
        assert ExportTraceServiceRequest.FromString(raw).SerializeToString() == raw


def test_an_otlp_document_with_odd_ids_keeps_all_its_spans() -> None:
    """Other tools write base64 or their own ids into files; one of them must not cost the rest of its line."""
    spans = [
        {"traceId": "W47/95gDgQPSabYzgT/GDA==", "spanId": "root", "name": "a"},
        {"traceId": "W47/95gDgQPSabYzgT/GDA==", "spanId": "EEE19B7EC3C1B174", "parentSpanId": "root", "name": "b"},
        {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B175", "name": "c"},
    ]
    request = decode_line(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode())
    first, second, third = request.resource_spans[0].scope_spans[0].spans

    assert first.trace_id == second.trace_id
    assert (len(first.trace_id), len(first.span_id)) == (16, 8)
    assert second.parent_span_id == first.span_id
    assert attributes(first) == {"halo.source.trace_id": "W47/95gDgQPSabYzgT/GDA==", "halo.source.span_id": "root"}
    assert second.span_id.hex() == "eee19b7ec3c1b174"
    assert attributes(third) == {}


@pytest.mark.parametrize(
    "document",
    [
        {"resourceSpans": None},
        {"resourceSpans": [None, 1, {"scopeSpans": "x"}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [1, {"traceId": 5, "attributes": 1}]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "odd", "attributes": "x"}]}]}]},
    ],
)
def test_a_document_of_another_shape_is_a_permanent_error_or_empty(document: object) -> None:
    """Looking for ids must not be where a wrong file ends in a traceback."""
    try:
        decode_line(json.dumps(document).encode())
    except PermanentError as error:
        assert "\n" not in str(error)
