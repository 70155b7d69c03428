"""Cutting requests into spans and pasting them together, against the protobuf library as the referee."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PermanentError
from domain.otlp import ExportTraceServiceRequest, ResourceSpans, ScopeSpans, Span
from domain.wire import Piece, join, split

NAMES = st.text(max_size=4)


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    for schema_url in draw(st.lists(NAMES, max_size=3)):
        resource_spans = message.resource_spans.add(schema_url=schema_url)
        for key in draw(st.lists(NAMES, max_size=2)):
            resource_spans.resource.attributes.add(key=key).value.int_value = len(key)
        for scope in draw(st.lists(NAMES, max_size=3)):
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name = scope
            for size in draw(st.lists(st.sampled_from((0, 1, 127, 128, 20_000)), max_size=3)):
                scope_spans.spans.add(name="n" * size, trace_id=b"t" * 16)
    return message


def spans_of(message: ExportTraceServiceRequest) -> list[bytes]:
    """Every span with its envelopes, as the protobuf library sees them."""
    found = []
    for resource_spans in message.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                alone = ResourceSpans()
                alone.CopyFrom(resource_spans)
                del alone.scope_spans[:]
                one = ScopeSpans()
                one.CopyFrom(scope_spans)
                del one.spans[:]
                one.spans.append(span)
                alone.scope_spans.append(one)
                found.append(alone.SerializeToString(deterministic=True))
    return found


@given(requests())
def test_split_finds_the_spans_that_protobuf_finds(message: ExportTraceServiceRequest) -> None:
    """The index is made of the parsed message, the location of the split: one off, and spans swap bytes."""
    pieces = list(split(message.SerializeToString()))
    inner = [span for rs in message.resource_spans for ss in rs.scope_spans for span in ss.spans]

    assert [Span.FromString(piece.span) for piece in pieces] == inner


@given(requests())
def test_join_gives_every_span_its_envelopes_back(message: ExportTraceServiceRequest) -> None:
    """A frame made of pieces must read as if each span had arrived alone."""
    pieces = list(split(message.SerializeToString()))
    joined = join(pieces)

    assert list(split(joined)) == pieces
    assert spans_of(ExportTraceServiceRequest.FromString(joined)) == spans_of(message)
    assert join(split(joined)) == joined


@given(st.binary(max_size=200))
def test_bytes_that_are_no_protobuf_are_refused_and_never_crash(data: bytes) -> None:
    """Everything on the wire is attacker-controlled."""
    try:
        pieces = list(split(data))
    except PermanentError:
        return
    assert list(split(join(pieces))) == pieces


@given(requests(), st.data())
def test_a_request_cut_short_is_refused_or_was_whole_spans(
    message: ExportTraceServiceRequest, data: st.DataObject
) -> None:
    """A connection that broke off must not look like a smaller request."""
    whole = message.SerializeToString()
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    try:
        ExportTraceServiceRequest.FromString(cut)
        is_message = True
    except Exception:
        is_message = False
    try:
        list(split(cut))
        is_split = True
    except PermanentError:
        is_split = False

    assert is_split or not is_message


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x05\x12",
        b"\x0a",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x0b" * 200,
        b"\x0f",
        b"\x0a\x02\x12\x05",
    ],
    ids=[
        "length beyond the end",
        "no length",
        "endless varint",
        "endless groups",
        "wire type 7",
        "inner length beyond",
    ],
)
def test_malformed_encodings_are_refused_for_good(data: bytes) -> None:
    """Retrying undecodable bytes cannot help, and a sender must be told so."""
    with pytest.raises(PermanentError, match="protobuf"):
        list(split(data))


def test_unknown_groups_between_known_fields_are_kept() -> None:
    """Groups are deprecated, not gone: parsers must carry them along."""
    group = b"\x9b\x06" + b"\x08\x01" + b"\x12\x01x" + b"\x9c\x06"
    span = b"\x0a\x01t" + group
    scope_spans = b"\x12" + bytes((len(span),)) + span + group
    resource_spans = group + b"\x12" + bytes((len(scope_spans),)) + scope_spans

    (piece,) = split(b"\x0a" + bytes((len(resource_spans),)) + resource_spans)

    assert piece == Piece(group, group, span)
    assert list(split(join([piece, piece]))) == [piece, piece]
