"""The window over real traces: sums worked out from the file alone, size, and repetition."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.otlp import ExportTraceServiceRequest
from domain.wire import Piece, join, split
from store.backends.sqlite import SqliteStore, load_window
from store.base import TraceFilter
from store.loading import LoadReport, read_trace_files
from tests.store.window_kit import EVERYTHING, Clock, open_store

ERROR_SPANS, LEAF_ERRORS, INPUT_TOKENS = 207, 116, 6_225_039


@pytest.fixture(scope="module")
def pieces(shared_data: Path) -> list[Piece]:
    """The spans of the file; each line becomes one span of an OTLP request."""
    requests = read_trace_files([shared_data / "traces" / "trail-dev.jsonl.xz"], LoadReport())
    return [piece for request in requests for piece in split(request)]


async def send(store: SqliteStore, pieces: Sequence[Piece], batch: int) -> int:
    """Append all in batches; the bytes sent."""
    size_bytes = 0
    for start in range(0, len(pieces), batch):
        request = join(pieces[start : start + batch])
        answer = await store.window.append(request, ExportTraceServiceRequest.FromString(request))
        assert (answer.accepted, answer.rejected) == (len(pieces[start : start + batch]), 0)
        size_bytes += len(request)
    return size_bytes


def directory_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


async def test_sums_are_those_of_the_file_and_repetitions_change_nothing(tmp_path: Path, pieces: list[Piece]) -> None:
    """Wrappers re-raise errors and repeat token sums; counting those would nearly double both."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        sent_bytes = await send(store, pieces, 64)
        clock.forward(3600)
        before = store.reader().sums()
        await store.fold()
        folded, traces = store.reader().sums(), store.reader().list_traces(TraceFilter(limit=100))
        size = directory_bytes(tmp_path)
        await send(store, pieces[::-1], 100)
        await store.fold()
        again, traces_again = store.reader().sums(), store.reader().list_traces(TraceFilter(limit=100))
        size_again = directory_bytes(tmp_path)
        came_back = {
            Piece(span.resource_raw, span.scope_raw, span.raw)
            for trace in store.reader().read(store.reader().select(EVERYTHING).keys)
            for span in trace.spans
        }

    print(f"{sent_bytes} bytes sent, {size} kept ({size / sent_bytes:.2%})")
    assert [before[name] for name in ("agents", "traces", "spans")] == [4, 74, 2024]
    assert before["error_spans"] == folded["error_spans"] == ERROR_SPANS
    assert before["leaf_errors"] == folded["leaf_errors"] == LEAF_ERRORS
    assert before["input_tokens"] == folded["input_tokens"] == INPUT_TOKENS
    assert size <= 0.05 * sent_bytes
    assert (again, traces_again, size_again) == (folded, traces, size)
    assert came_back == set(pieces)


def test_the_file_alone_gives_the_same_sums(tmp_path: Path, shared_data: Path) -> None:
    """One store, one query path: offline must not tell another story than online."""
    requests = read_trace_files([shared_data / "traces" / "trail-dev.jsonl.xz"], LoadReport())
    with load_window(requests, tmp_path) as reader:
        sums = reader.sums()
        selected = reader.select(EVERYTHING)

    assert (sums["error_spans"], sums["leaf_errors"], sums["input_tokens"]) == (ERROR_SPANS, LEAF_ERRORS, INPUT_TOKENS)
    assert (len(selected.keys), selected.settling, selected.open) == (74, 0, 0)
