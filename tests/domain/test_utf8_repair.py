"""Broken text in an encoded request is repaired, and nothing else of it is touched; protobuf is the referee."""

from collections.abc import Callable
from itertools import cycle

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PermanentError
from domain.otlp import AnyValue, ExportTraceServiceRequest, KeyValue, ResourceSpans, ScopeSpans, Span
from domain.signals import METRICS, SIGNALS, Signal
from domain.utf8_repair import MAX_DEPTH, repair
from domain.wire import as_varint
from tests.collector.strategies import requests

LEN = 2
REQUEST = ExportTraceServiceRequest.DESCRIPTOR


def field(number: int, value: bytes) -> bytes:
    """A length-delimited field, encoded."""
    return as_varint(number << 3 | LEN) + as_varint(len(value)) + value


def around(span: bytes) -> bytes:
    """An encoded request of one encoded span."""
    return field(1, field(2, field(2, span)))


def encoded(message: Message, text: Callable[[str], bytes]) -> bytes:
    """A message as protobuf encodes it, but with what `text` makes of every string in it."""
    out = []
    for descriptor, value in message.ListFields():
        values = value if descriptor.is_repeated else [value]
        if descriptor.type == FieldDescriptor.TYPE_STRING:
            out += [field(descriptor.number, text(each)) for each in values]
        elif descriptor.type == FieldDescriptor.TYPE_MESSAGE:
            out += [field(descriptor.number, encoded(each, text)) for each in values]
        else:
            alone = type(message)(**{descriptor.name: value})
            out.append(alone.SerializeToString())
    return b"".join(out)


@given(requests)
def test_a_valid_request_stays_byte_for_byte(message: ExportTraceServiceRequest) -> None:
    """The window's truth is the bytes that came; only what is broken may change."""
    data = message.SerializeToString()

    repaired = repair(data, REQUEST)

    assert repaired.data is data
    assert repaired.strings == 0


@given(requests, st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_broken_strings_become_readable_and_all_else_stays(
    message: ExportTraceServiceRequest, texts: list[bytes]
) -> None:
    """Lengths grow all the way up the tree; one that does not fit would lose the batch it was to save."""
    broken, readable = cycle(texts), cycle([text.decode(errors="replace").encode() for text in texts])
    data = encoded(message, lambda _: next(broken))

    repaired = repair(data, REQUEST)

    assert repaired.data == encoded(message, lambda _: next(readable))
    ExportTraceServiceRequest.FromString(repaired.data)
    assert (repaired.strings > 0) == (repaired.data != data)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@given(data=st.binary(max_size=300))
def test_random_bytes_never_crash(signal: Signal, data: bytes) -> None:
    """Everything on the wire is attacker-controlled; what comes out is as readable as what went in, or more."""
    try:
        repaired = repair(data, signal.request.DESCRIPTOR)
    except PermanentError as error:
        assert "\n" not in str(error)
        return
    try:
        signal.request.FromString(repaired.data)
    except DecodeError as error:
        assert "UTF-8" not in str(error)


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        (b"caf\xe9", "caf\ufffd"),
        (b"cut \xf0\x9f\x98", "cut \ufffd"),
        (b"surrogate \xed\xa0\x80", "surrogate \ufffd\ufffd\ufffd"),
        (b"overlong \xc0\x80", "overlong \ufffd\ufffd"),
        (b"n" * 126 + b"\xff", "n" * 126 + "\ufffd"),
        (b"\xff" * 6_000, "\ufffd" * 6_000),
    ],
)
def test_each_kind_of_broken_text_is_replaced(name: bytes, becomes: str) -> None:
    """Latin-1, half an emoji, and lengths that need another byte once the text has grown."""
    repaired = repair(around(field(5, name)), REQUEST)

    message = ExportTraceServiceRequest.FromString(repaired.data)
    assert message.resource_spans[0].scope_spans[0].spans[0].name == becomes
    assert repaired.strings == 1


def test_bytes_unknown_fields_and_odd_encodings_are_kept() -> None:
    """What is not declared as text may hold any bytes, and a sender may encode lengths as it likes."""
    of_bytes = KeyValue(key="k", value=AnyValue(bytes_value=b"\xff\xfe")).SerializeToString()
    around_the_name = (b"\x0a\x90\x00" + b"t" * 16 + field(9, of_bytes), field(900, b"\xff\xff"))
    span = field(5, b"\xff").join(around_the_name)

    repaired = repair(around(span), REQUEST)

    assert repaired.data == around(field(5, b"\xef\xbf\xbd").join(around_the_name))


def test_packed_numbers_are_kept() -> None:
    """They are length-delimited as strings are, and full of bytes that are no text."""
    request = METRICS.request()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="NAME")
    metric.histogram.data_points.add(bucket_counts=[2**64 - 1] * 9, explicit_bounds=[-1.5] * 8)
    data = request.SerializeToString()

    repaired = repair(data.replace(b"NAME", b"\xe9\xe9\xe9\xe9"), METRICS.request.DESCRIPTOR)

    metric.name = "\ufffd" * 4
    assert METRICS.request.FromString(repaired.data) == request


@pytest.mark.parametrize("cut", [1, 3, 9])
def test_a_truncated_request_is_refused_by_name(cut: int) -> None:
    """Half a request is not repaired into a whole one."""
    with pytest.raises(PermanentError, match="truncated protobuf"):
        repair(around(field(5, b"\xff" * 20))[:-cut], REQUEST)


def test_values_nested_too_deeply_are_refused() -> None:
    """Each level costs stack, and the parser would refuse the repaired request anyway."""
    value = field(1, b"\xff")
    for _ in range(MAX_DEPTH):
        value = field(5, field(1, value))

    with pytest.raises(PermanentError, match="nested more than 100 deep"):
        repair(around(field(9, field(2, value))), REQUEST)


def test_one_broken_span_costs_its_neighbours_nothing() -> None:
    """The reason for all this: a batch of good spans must not be lost for one name."""
    good = Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name="good")
    scope = ScopeSpans(spans=[good, Span(name="BAD"), good])
    data = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[scope])]).SerializeToString()

    repaired = repair(data.replace(b"BAD", b"\xff\xff\xff"), REQUEST)

    kept = ExportTraceServiceRequest.FromString(repaired.data).resource_spans[0].scope_spans[0].spans
    assert [span.name for span in kept] == ["good", "\ufffd\ufffd\ufffd", "good"]
