"""What arrived comes back byte for byte, whatever it contains and wherever it has been moved to."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.otlp import ExportTraceServiceRequest
from domain.wire import Piece, split
from store.backends.sqlite import SqliteStore, load_window
from store.window.reader import SqliteReader
from tests.store.window_kit import EVERYTHING, Clock, open_store

Fields = list[bytes]
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # every example opens stores; shrinking would take minutes


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def unknown_fields() -> st.SearchStrategy[Fields]:
    numbers = st.integers(1_000, 2**29 - 1)
    return st.lists(
        st.one_of(
            st.builds(lambda n, v: varint(n << 3) + varint(v), numbers, st.integers(0, 2**64 - 1)),
            st.builds(lambda n, v: varint(n << 3 | 1) + v, numbers, st.binary(min_size=8, max_size=8)),
            st.builds(field, numbers, st.binary(max_size=12)),
            st.builds(lambda n, v: varint(n << 3 | 5) + v, numbers, st.binary(min_size=4, max_size=4)),
        ),
        max_size=2,
    )


def messages(*known: st.SearchStrategy[Fields]) -> st.SearchStrategy[bytes]:
    """An encoded message of these fields and unknown ones, in any order."""
    everything = st.tuples(unknown_fields(), *known).map(lambda parts: [item for part in parts for item in part])
    return everything.flatmap(st.permutations).map(b"".join)


def maybe(number: int, values: st.SearchStrategy[bytes], most: int = 2) -> st.SearchStrategy[Fields]:
    return st.lists(values.map(lambda value: field(number, value)), max_size=most)


TEXT = st.text(max_size=12).map(str.encode)
ANY_VALUE = messages(maybe(1, TEXT, 1))
KEY_VALUE = messages(maybe(1, st.sampled_from((b"service.name", b"agent.name", b"k")), 1), maybe(2, ANY_VALUE, 1))
EVENT = messages(maybe(2, TEXT, 1), maybe(3, KEY_VALUE))
LINK = messages(maybe(1, st.binary(min_size=16, max_size=16), 1), maybe(4, KEY_VALUE))
STATUS = messages(maybe(2, TEXT, 1))
RESOURCE = messages(maybe(1, KEY_VALUE))
SCOPE = messages(maybe(1, TEXT, 1), maybe(3, KEY_VALUE))
IDS = st.tuples(st.integers(1, 3), st.integers(1, 2**63))


@st.composite
def spans(draw: st.DrawFn) -> bytes:
    trace, span = draw(IDS)
    ids = [field(1, trace.to_bytes(16, "big")), field(2, span.to_bytes(8, "big"))]
    starts = draw(st.lists(st.integers(0, 2**62 - 1), max_size=1))
    times = [varint(7 << 3 | 1) + start.to_bytes(8, "little") for start in starts]
    rest = messages(
        st.just(ids + times),
        maybe(5, TEXT, 1),
        maybe(9, KEY_VALUE),
        maybe(11, EVENT),
        maybe(13, LINK),
        maybe(15, STATUS, 1),
    )
    return draw(rest)


SCOPE_SPANS = messages(maybe(1, SCOPE, 1), maybe(2, spans(), 3), maybe(3, TEXT, 1))
RESOURCE_SPANS = messages(maybe(1, RESOURCE, 1), maybe(2, SCOPE_SPANS, 2), maybe(3, TEXT, 1))
REQUESTS = st.lists(messages(maybe(1, RESOURCE_SPANS, 2)), min_size=1, max_size=4)


def first_of_each(requests: Sequence[bytes]) -> dict[tuple[str, str], Piece]:
    """What must be kept: none of these spans has ended, so the first with an id stays."""
    kept: dict[tuple[str, str], Piece] = {}
    for request in requests:
        parsed = ExportTraceServiceRequest.FromString(request)
        inner = (span for rs in parsed.resource_spans for ss in rs.scope_spans for span in ss.spans)
        for piece, span in zip(split(request), inner, strict=True):
            kept.setdefault((span.trace_id.hex(), span.span_id.hex()), piece)
    return kept


def pieces_in(reader: SqliteReader) -> dict[tuple[str, str], Piece]:
    return {
        (trace.summary.trace_id, span.span_id): Piece(span.resource_raw, span.scope_raw, span.raw)
        for trace in reader.read(reader.select(EVERYTHING).keys)
        for span in trace.spans
    }


async def keep_raw(store: SqliteStore, requests: Sequence[bytes]) -> None:
    for request in requests:
        await store.window.append(request, ExportTraceServiceRequest.FromString(request))


@given(REQUESTS)
@settings(max_examples=40, deadline=None, phases=UNSHRUNK)
def test_every_byte_comes_back_before_and_after_the_merge_and_after_reopening(requests: list[bytes]) -> None:
    """Unknown fields at every level are a newer sender's knowledge; a store that drops them corrupts evidence."""

    async def run(directory: Path) -> None:
        clock = Clock()
        async with open_store(directory, clock) as store:
            await keep_raw(store, requests)
            clock.forward(3600)
            assert pieces_in(store.reader()) == first_of_each(requests)
            await store.fold()
            assert pieces_in(store.reader()) == first_of_each(requests)
            assert store.reader().sums()["hot_bytes"] == 0
        async with open_store(directory, clock) as store:
            assert pieces_in(store.reader()) == first_of_each(requests)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


@given(REQUESTS)
@settings(max_examples=20, deadline=None, phases=UNSHRUNK)
def test_files_are_loaded_as_losslessly_as_requests_are_received(requests: list[bytes]) -> None:
    """One store, one query path: what is analysed offline must be what would have been analysed online."""
    with tempfile.TemporaryDirectory() as directory, load_window(requests, Path(directory)) as reader:
        assert pieces_in(reader) == first_of_each(requests)
