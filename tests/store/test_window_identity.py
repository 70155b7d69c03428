"""(trace id, span id) is one span: resent, late, replaced and unusable ones."""

from pathlib import Path

import pytest

from domain.errors import PermanentError
from domain.otlp import ExportTraceServiceRequest, Span
from domain.spans import SpanKind, SpanStatus
from store.base import TraceFilter
from tests.store.window_kit import (
    EVERYTHING,
    Clock,
    keep,
    make_span,
    open_store,
    request_of,
    span_id,
    trace_id,
    whole_trace,
)


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


async def test_repeating_everything_changes_nothing(tmp_path: Path) -> None:
    """Exporters resend after a lost answer; a window that counted twice would lie in every report."""
    clock = Clock()
    spans = [span for name in range(20) for span in whole_trace(name)]
    async with open_store(tmp_path, clock) as store:
        first = await keep(store, *spans)
        clock.forward(3600)
        await store.fold()
        before = (store.reader().sums(), store.reader().list_traces(TraceFilter()), size_of(tmp_path))
        again = [await keep(store, *spans[start : start + 7]) for start in range(0, len(spans), 7)]
        await store.fold()
        after = (store.reader().sums(), store.reader().list_traces(TraceFilter()), size_of(tmp_path))

    assert first.accepted == sum(answer.accepted for answer in again) == len(spans)
    assert before == after


async def test_a_span_twice_in_one_request_is_one_span(tmp_path: Path) -> None:
    """A retrying batcher may put the same span into one request twice."""
    short, long = make_span("t", "root", end_s=1), make_span("t", "root", end_s=2)
    async with open_store(tmp_path, Clock()) as store:
        answer = await keep(store, short, long, short)
        trace = store.reader().trace(trace_id("t").hex())

    assert answer.accepted == 3
    assert trace is not None
    assert [stored.raw for stored in trace.spans] == [long.SerializeToString()]


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_of_differing_versions_the_latest_end_wins_in_any_order(
    tmp_path: Path, order: tuple[int, ...], folded: bool
) -> None:
    """Some instrumentations export a span when it starts and again when it ends; the end is the whole truth."""
    versions = [
        make_span("t", "llm", "root", end_s=-1, kind=SpanKind.LLM, llm__token_count__prompt=1),
        make_span("t", "llm", "root", end_s=1, kind=SpanKind.LLM, llm__token_count__prompt=2),
        make_span("t", "llm", "root", end_s=2, kind=SpanKind.LLM, llm__token_count__prompt=3),
    ]
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, make_span("t", "root", end_s=5))
        for which in order:
            await keep(store, versions[which])
            if folded:
                clock.forward(3600)
                await store.fold()
        sums = store.reader().sums()
        stored = store.reader().span(trace_id("t").hex(), span_id("t/llm").hex())

    assert stored is not None
    assert stored.raw == versions[2].SerializeToString()
    assert (sums["spans"], sums["input_tokens"]) == (2, 3)


async def test_a_late_span_corrects_the_sums_of_a_folded_trace_and_is_folded_too(tmp_path: Path) -> None:
    """Parents end after their children and arrive in later requests, sometimes minutes later."""
    clock = Clock()
    error = make_span("t", "tool", "agent", kind=SpanKind.TOOL, status=SpanStatus.ERROR, message="boom")
    agent = make_span("t", "agent", end_s=9, kind=SpanKind.AGENT, status=SpanStatus.ERROR, agent__name="clerk")
    async with open_store(tmp_path, clock) as store:
        await keep(store, error)
        clock.forward(600)
        await store.fold()
        (before,) = store.reader().list_traces(TraceFilter())
        await keep(store, agent)
        (at_once,) = store.reader().list_traces(TraceFilter())
        clock.forward(600)
        await store.fold()
        (after,) = store.reader().list_traces(TraceFilter())
        sums = store.reader().sums()
        trace = store.reader().trace(after.trace_id)

    assert (before.agent_name, before.has_root, before.error_spans, before.leaf_errors) == ("svc", False, 1, 1)
    for now in (at_once, after):
        assert (now.agent_name, now.has_root, now.error_spans, now.leaf_errors) == ("clerk", True, 2, 1)
        assert now.status is SpanStatus.ERROR
    assert (sums["hot_bytes"], sums["frames"], sums["traces"], sums["spans"]) == (0, 1, 1, 2)
    assert trace is not None
    assert {stored.raw for stored in trace.spans} == {agent.SerializeToString(), error.SerializeToString()}


async def test_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    """Batches overtake each other on the way; the sums are of the spans, not of their journey."""
    spans = [
        make_span("t", "root", end_s=9),
        make_span("t", "agent", "root", end_s=8, kind=SpanKind.AGENT, agent__name="a", session__id="s2"),
        make_span("t", "wrap", "agent", kind=SpanKind.LLM, llm__token_count__prompt=70, session__id="s1"),
        make_span("t", "llm", "wrap", kind=SpanKind.LLM, llm__token_count__prompt=70),
        make_span("t", "tool", "agent", kind=SpanKind.TOOL, status=SpanStatus.ERROR),
    ]
    found = []
    for number, order in enumerate((spans, spans[::-1], spans[2:] + spans[:2])):
        async with open_store(tmp_path / str(number), Clock()) as store:
            for span in order:
                await keep(store, span)
                await store.maintain()
            found += store.reader().list_traces(TraceFilter())

    assert found[0] == found[1] == found[2]
    assert (found[0].input_tokens, found[0].session, found[0].llm_spans, found[0].tool_spans) == (70, "s1", 2, 1)


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ({"trace_id": b"short"}, "trace_id has 5 bytes, must have 16"),
        ({"trace_id": bytes(16)}, "trace_id is all zeroes"),
        ({"span_id": b""}, "span_id has 0 bytes, must have 8"),
        ({"span_id": bytes(8)}, "span_id is all zeroes"),
    ],
)
async def test_a_span_with_an_unusable_id_is_refused_with_its_reason_and_the_rest_is_kept(
    tmp_path: Path, ids: dict[str, bytes], reason: str
) -> None:
    """OTLP's partial success: one bad span must not cost its neighbours, and its sender must learn why."""
    good = whole_trace("t")
    bad = Span(**{"trace_id": trace_id("u"), "span_id": span_id("u"), "name": "bad", **ids})
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        answer = await keep(store, good[0], bad, *good[1:])
        clock.forward(3600)
        trace = store.reader().trace(trace_id("t").hex())
        sums = store.reader().sums()

    assert answer == (3, 1, reason)
    assert sums["spans"] == 3
    assert trace is not None
    assert {stored.raw for stored in trace.spans} == {span.SerializeToString() for span in good}


async def test_bytes_that_are_not_the_message_are_refused_for_good(tmp_path: Path) -> None:
    """The index and the bytes must describe the same spans, or the window would contradict itself."""
    message = request_of(whole_trace("t"))
    async with open_store(tmp_path, Clock()) as store:
        with pytest.raises(PermanentError, match="different spans"):
            await store.window.append(b"", message)
        with pytest.raises(PermanentError, match="truncated"):
            await store.window.append(message.SerializeToString()[:-3], message)
        kept = await keep(store, *whole_trace("t"))

    assert kept.accepted == 3


async def test_an_empty_request_is_answered_and_leaves_no_trace(tmp_path: Path) -> None:
    """Exporters send empty batches as keep-alives."""
    async with open_store(tmp_path, Clock()) as store:
        answer = await store.window.append(b"", ExportTraceServiceRequest())
        selected = store.reader().select(EVERYTHING)

    assert answer == (0, 0, "")
    assert (selected.keys, selected.open) == ((), 0)


async def test_numbers_beyond_sqlite_and_reason_are_kept_and_do_not_break_the_sums(tmp_path: Path) -> None:
    """Everything inside a span is attacker-controlled; fixed64 times and int64 counts exceed what SQLite adds up."""
    most = 2**64 - 1
    spans = [make_span("t", number, kind=SpanKind.LLM, llm__token_count__prompt=2**63 - 1) for number in range(4)]
    for span in spans:
        span.start_time_unix_nano, span.end_time_unix_nano = most - 1, most
        span.parent_span_id = b"odd parent id"
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        answer = await keep(store, *spans)
        clock.forward(3600)
        await store.fold()
        trace = store.reader().trace(trace_id("t").hex())

    assert answer.accepted == 4
    assert trace is not None
    assert trace.summary.input_tokens == 4 * (2**31 - 1)
    assert {stored.raw for stored in trace.spans} == {span.SerializeToString() for span in spans}
