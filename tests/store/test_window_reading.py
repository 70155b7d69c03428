"""The reading door: lists, prefixes, single spans; many readers, and a writer none of them stops."""

import asyncio
import threading
from pathlib import Path

import pytest

from domain.errors import PermanentError
from domain.otlp import KeyValue, any_value
from domain.spans import SOURCE_TRACE_ID, SpanKind, SpanStatus
from store.backends.sqlite import open_reader
from store.base import TraceFilter
from tests.store.window_kit import (
    EVERYTHING,
    SECOND_NS,
    START_NS,
    Clock,
    keep,
    make_span,
    open_store,
    span_id,
    trace_id,
    whole_trace,
)


async def test_lists_sort_filter_and_page_alike_before_and_after_the_roll_up(tmp_path: Path) -> None:
    """Sums are kept, but a list asked for a moment after arrival must already be right."""
    async with open_store(tmp_path, Clock()) as store:
        for number in range(6):
            llm = {"kind": SpanKind.LLM, "llm__token_count__prompt": 100 - number}
            status = SpanStatus.ERROR if number % 2 else SpanStatus.OK
            root = make_span(number, "root", start_s=number, end_s=2 * number + 1, **llm)
            tools = [
                make_span(number, n, "root", start_s=number, kind=SpanKind.TOOL, status=status) for n in range(number)
            ]
            await keep(store, root, *tools, service="odd" if number % 2 else "even")
            if number == 2:
                await store.maintain(force=True)
        odd = next(agent.uuid for agent in store.reader().agents() if agent.name == "odd")
        for maintained in (False, True):
            if maintained:
                await store.maintain(force=True)

            def listed(**wanted: object) -> list[int]:
                found = store.reader().list_traces(TraceFilter(**wanted))  # type: ignore[arg-type]
                return [next(n for n in range(6) if trace_id(n).hex() == trace.trace_id) for trace in found]

            assert listed() == listed(sort="-start") == [5, 4, 3, 2, 1, 0]
            assert listed(sort="start", limit=2, offset=1) == [1, 2]
            assert listed(sort="-duration", limit=2) == [5, 4]
            assert listed(sort="spans") == [0, 1, 2, 3, 4, 5]
            assert listed(sort="tokens", limit=1) == [5]
            assert listed(sort="-errors", limit=3) == [5, 3, 1]
            assert listed(status="error", sort="start") == [1, 3, 5]
            assert listed(status="ok", sort="start") == [0, 2, 4]
            assert listed(agent_uuid=odd) == [5, 3, 1]
            assert listed(since_ns=START_NS + 7 * SECOND_NS) == [5, 4, 3]
            assert listed(agent_uuid="unknown") == []


async def test_an_unknown_sort_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    """A typo must not silently sort by something else, nor reach SQL."""
    async with open_store(tmp_path, Clock()) as store:
        for wrong in (TraceFilter(sort="id; DROP TABLE spans"), TraceFilter(status="bad")):
            with pytest.raises(PermanentError, match="start, duration, spans, tokens, errors"):
                store.reader().list_traces(wrong)


async def test_a_trace_is_found_by_unique_prefix_of_its_ids(tmp_path: Path) -> None:
    """People copy the beginning of an id from a report."""
    first, second = bytes.fromhex("ab" * 15 + "01"), bytes.fromhex("ab" * 15 + "02")
    spans = [make_span(n, "root") for n in range(3)]
    spans[0].trace_id, spans[1].trace_id = first, second
    spans[2].attributes.append(KeyValue(key=SOURCE_TRACE_ID, value=any_value("order-1%_77")))
    async with open_store(tmp_path, Clock()) as store:
        await keep(store, *spans)
        find = store.reader().trace
        by_source, by_part = find("order-1%_77"), find("order-1")

        assert by_source is not None and by_part is not None
        assert by_source.summary.source_trace_id == by_part.summary.source_trace_id == "order-1%_77"
        assert by_source.summary.trace_id == trace_id(2).hex()
        for prefix in (first.hex(), first.hex().upper(), trace_id(2).hex()[:5]):
            assert find(prefix) is not None
        for unknown in ("beef" * 8, "order-2", "%%%%", "zzzz", "ab" * 40):
            assert find(unknown) is None
        with pytest.raises(PermanentError, match="ambiguous"):
            find("abab")
        with pytest.raises(PermanentError, match="at least 4"):
            find("aba")


async def test_an_agent_is_found_by_unique_prefix(tmp_path: Path) -> None:
    """UUIDs are long, and a terminal is narrow."""
    async with open_store(tmp_path, Clock()) as store:
        for number in range(20):
            await keep(store, *whole_trace(number), service=f"service {number}")
        reader = store.reader()
        (some, *_) = reader.agents()

        assert reader.find_agent(some.uuid.upper()) == reader.find_agent(some.uuid) == some
        assert reader.find_agent("not an agent") is None
        with pytest.raises(PermanentError, match="ambiguous"):
            reader.find_agent("")


async def test_a_span_is_found_by_its_ids_and_nothing_else_is(tmp_path: Path) -> None:
    """Evidence names spans by trace and span id."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        span = make_span("t", "root")
        await keep(store, span, make_span("t", "other", "root"))
        clock.forward(3600)
        for _ in range(2):
            found = store.reader().span(trace_id("t").hex(), span_id("t/root").hex())
            assert found is not None
            assert (found.raw, found.arrived_ns) == (span.SerializeToString(), START_NS)
            assert found.resource.attributes[0].value.string_value == "svc"
            assert found.scope.name == "tests"
            await store.fold()
        for ids in ((trace_id("t").hex(), "00" * 8), ("zz", "zz"), ("", ""), (trace_id("t").hex()[:-2], "00" * 8)):
            assert store.reader().span(*ids) is None


async def test_spans_of_a_trace_come_by_start_time_with_their_arrival(tmp_path: Path) -> None:
    """The order of a story is that of its events, not of their export."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, make_span("t", "b", "root", start_s=2))
        clock.forward(5)
        await keep(store, make_span("t", "root", start_s=0), make_span("t", "a", "root", start_s=1))
        trace = store.reader().trace(trace_id("t").hex())

    assert trace is not None
    assert [stored.span.name for stored in trace.spans] == ["root", "a", "b"]
    assert [stored.arrived_ns - START_NS for stored in trace.spans] == [5 * SECOND_NS, 5 * SECOND_NS, 0]


async def test_a_reader_in_the_middle_of_a_window_stops_neither_writer_nor_upkeep(tmp_path: Path) -> None:
    """An analysis reads for minutes; meanwhile spans arrive, are folded and evicted."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        for number in range(10):
            await keep(store, *whole_trace(number))
        clock.forward(3600)
        with open_reader(tmp_path, now_ns=clock) as reader:
            traces = reader.read(reader.select(EVERYTHING).keys)
            seen = [next(traces)]
            answer = await keep(store, *whole_trace("meanwhile"))
            await store.fold()
            log_bytes = (tmp_path / "window.db-wal").stat().st_size
            seen += traces

    assert answer.accepted == 3
    assert log_bytes == 0
    assert [len(trace.spans) for trace in seen] == [3] * 10


async def test_traces_that_went_meanwhile_are_left_out(tmp_path: Path) -> None:
    """Retention may win a race with a reader; the reader goes on with the rest."""
    clock = Clock()
    async with open_store(tmp_path, clock, retention={"max_age": "1h"}) as store:
        await keep(store, *whole_trace("old"))
        clock.forward(3000)
        await keep(store, *whole_trace("new"))
        clock.forward(700)
        traces = store.reader().read(store.reader().select(EVERYTHING).keys)
        await store.fold()
        left = [trace.summary.trace_id for trace in traces]

    assert left == [trace_id("new").hex()]


async def test_one_reader_serves_many_threads_while_spans_arrive(tmp_path: Path) -> None:
    """The control API answers from a thread pool."""
    clock = Clock()
    failures: list[BaseException] = []
    stop = threading.Event()
    async with open_store(tmp_path, clock) as store:
        reader = store.reader()
        await keep(store, *whole_trace("first"))

        def look() -> None:
            try:
                while not stop.is_set():
                    totals = reader.sums()
                    found = reader.trace(trace_id("first").hex())
                    assert found is not None and len(found.spans) == 3
                    assert totals["spans"] == 3 * totals["traces"]
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(30):
            await asyncio.gather(*(keep(store, *whole_trace((number, part))) for part in range(3)))
            if number % 10 == 9:
                clock.forward(20)
                await store.maintain(force=True)
        stop.set()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        sums = reader.sums()

    assert failures == []
    assert (sums["traces"], sums["spans"]) == (91, 273)
