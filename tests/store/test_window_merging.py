"""Folding and compacting: where the bytes end up, and that the totals never drift."""

import asyncio
import random
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.spans import SpanKind, SpanStatus
from store.backends.sqlite import Merge, SqliteStore, load_window
from store.base import TraceFilter
from tests.store.window_kit import EVERYTHING, Clock, keep, make_span, open_store, request_of, whole_trace

FRAME_BYTES = 65_536


def query(directory: Path, sql: str) -> list[tuple[Any, ...]]:
    window = sqlite3.connect(f"file:{directory / 'window.db'}?mode=ro", uri=True)
    try:
        return window.execute(sql).fetchall()
    finally:
        window.close()


async def test_frames_belong_to_one_agent_and_keep_a_trace_together(tmp_path: Path) -> None:
    """Evicting an agent's oldest frame must free space and take nothing of another agent."""
    clock = Clock()
    words = random.Random(1)
    async with open_store(tmp_path, clock, merge=Merge(frame_bytes=FRAME_BYTES)) as store:
        for number in range(60):
            note = words.randbytes(1000).hex()
            await keep(store, *whole_trace(number, note=note), service=f"service {number % 3}")
        clock.forward(3600)
        await store.fold()
        frames = query(tmp_path, "SELECT id, agent, spans, live, raw_bytes FROM containers")
        owners = query(
            tmp_path,
            "SELECT DISTINCT s.container, t.agent FROM spans s JOIN traces t ON t.id = s.trace",
        )
        spread = query(tmp_path, "SELECT count(DISTINCT container) FROM spans GROUP BY trace")

    assert sorted(owners) == sorted((number, agent) for number, agent, *_ in frames)
    assert all(spans == live for _, _, spans, live, _ in frames)
    assert all(raw_bytes <= 1.1 * FRAME_BYTES for *_, raw_bytes in frames)
    assert sum(raw_bytes >= FRAME_BYTES / 2 for *_, raw_bytes in frames) >= len(frames) - 3
    assert set(spread) == {(1,)}


async def test_trickling_traffic_ends_in_few_frames_without_rewriting_them_all_the_time(tmp_path: Path) -> None:
    """One small trace a round would otherwise leave thousands of tiny frames, each compressed alone."""
    clock = Clock()
    async with open_store(tmp_path, clock, merge=Merge(frame_bytes=FRAME_BYTES, interval=0)) as store:
        for number in range(100):
            await keep(store, *whole_trace(number, note="the same words again " * 20))
            clock.forward(20)
            await store.maintain()
        trickled = query(tmp_path, "SELECT count(*), max(id) FROM containers")[0]
        await store.fold()
        folded = query(tmp_path, "SELECT count(*), sum(spans), sum(live) FROM containers")[0]

    assert trickled[0] <= 24
    assert trickled[1] <= 2 * 100 + 30
    assert folded[0] <= 4
    assert folded[1:] == (300, 300)


async def test_a_hot_batch_is_not_kept_alive_by_one_open_trace(tmp_path: Path) -> None:
    """A session that lasts for hours must not pin every batch it had a span in."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        for number in range(20):
            await keep(store, make_span("session", number, "root"), *whole_trace(number, spans=30))
            clock.forward(11)
        await store.fold()
        hot = query(tmp_path, "SELECT count(*), sum(live), sum(spans) FROM containers WHERE agent IS NULL")

    assert hot == [(1, 20, 20)]


async def test_a_trace_bigger_than_a_step_is_folded_in_parts(tmp_path: Path) -> None:
    """Memory is bounded by the step, not by the longest trace."""
    clock = Clock()
    words = random.Random(2)
    merge = Merge(frame_bytes=FRAME_BYTES, step_bytes=FRAME_BYTES)
    async with open_store(tmp_path, clock, merge=merge) as store:
        spans = [make_span("t", n, start_s=n, note=words.randbytes(1000).hex()) for n in range(300)]
        await keep(store, *spans)
        clock.forward(3600)
        await store.fold()
        sums = store.reader().sums()
        (trace,) = store.reader().read(store.reader().select(EVERYTHING).keys)

    assert sums["hot_bytes"] == 0
    assert sums["frames"] >= 9
    assert [stored.raw for stored in trace.spans] == [span.SerializeToString() for span in spans]


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("keep"),
            st.lists(
                st.tuples(
                    st.integers(0, 2),  # trace
                    st.integers(0, 5),  # span
                    st.one_of(st.none(), st.integers(0, 5)),  # parent
                    st.sampled_from((SpanKind.LLM, SpanKind.TOOL, SpanKind.AGENT)),
                    st.sampled_from((SpanStatus.OK, SpanStatus.ERROR)),
                    st.integers(-1, 3),  # end
                ),
                max_size=6,
            ),
            st.sampled_from(("svc", "other", "halo-sidecar")),
        ),
        st.tuples(st.just("forward"), st.sampled_from((1, 15, 400, 4000))),
        st.tuples(st.just("maintain"), st.booleans()),
    ),
    min_size=3,
    max_size=14,
)
INVARIANTS = {
    "agents' totals": """
        SELECT a.id FROM agents a WHERE (a.traces, a.spans, a.error_spans, a.leaf_errors, a.input_tokens) <> (
            SELECT count(*), coalesce(sum(rolled_spans), 0), coalesce(sum(error_spans), 0),
                coalesce(sum(leaf_errors), 0), coalesce(sum(input_tokens), 0) FROM traces WHERE agent = a.id)""",
    "nested totals": """
        SELECT a.id FROM agents a WHERE (a.nested_traces, a.nested_spans) <> (
            SELECT count(*), coalesce(sum(t.rolled_spans), 0) FROM trace_agents n JOIN traces t ON t.id = n.trace
            WHERE n.agent = a.id)""",
    "live spans": """
        SELECT c.id FROM containers c WHERE c.live <= 0
            OR c.live <> (SELECT count(*) FROM spans WHERE container = c.id)""",
    "every span somewhere": """
        SELECT s.span_id FROM spans s WHERE NOT EXISTS (
            SELECT 1 FROM containers c JOIN blobs b ON b.container = c.id
            WHERE c.id = s.container AND s.ordinal < c.spans)""",
    "one span a place": "SELECT container FROM spans GROUP BY container, ordinal HAVING count(*) > 1",
    "traces' spans": "SELECT id FROM traces t WHERE spans <> (SELECT count(*) FROM spans WHERE trace = t.id)",
    "rolled traces": "SELECT id FROM traces WHERE NOT dirty AND rolled_spans <> spans",
    "unfolded traces": """
        SELECT t.id FROM traces t WHERE NOT hot AND EXISTS (
            SELECT 1 FROM spans s JOIN containers c ON c.id = s.container
            WHERE s.trace = t.id AND c.agent IS NOT t.agent)""",
    "containers' traces": """
        SELECT s.container FROM spans s JOIN containers c ON c.id = s.container
        WHERE s.trace NOT IN (SELECT value FROM json_each(c.traces))""",
}


def spans_of(step: tuple[Any, ...]) -> list[Any]:
    return [
        make_span(
            trace,
            span,
            parent,
            end_s=end,
            kind=kind,
            status=status,
            agent__name=f"agent {span}",
            llm__token_count__prompt=7,
        )
        for trace, span, parent, kind, status, end in step[1]
    ]


async def take(store: SqliteStore, clock: Clock, step: tuple[Any, ...]) -> None:
    if step[0] == "keep":
        await keep(store, *spans_of(step), service=step[2])
    elif step[0] == "forward":
        clock.forward(step[1])
    else:
        await store.maintain(force=step[1])


def answers(store: SqliteStore) -> tuple[Any, ...]:
    """What readers are told, apart from where bytes lie."""
    sums = {name: count for name, count in store.reader().sums().items() if name not in ("hot_bytes", "frames")}
    return sums, store.reader().agents(), store.reader().list_traces(TraceFilter()), store.reader().select(EVERYTHING)


@given(STEPS)
@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_whatever_happens_totals_places_and_answers_agree(steps: list[tuple[Any, ...]]) -> None:
    """Totals are kept as differences; they must equal what counting the spans would give, at every moment."""

    async def run(directory: Path) -> None:
        clock = Clock()
        merge = Merge(frame_bytes=FRAME_BYTES, interval=0)
        async with open_store(directory, clock, merge=merge, retention={"max_age": "1h"}) as store:
            for step in steps:
                await take(store, clock, step)
                broken = {name: found for name, sql in INVARIANTS.items() if (found := query(directory, sql))}
                assert broken == {}
            await store.maintain(force=True)
            for step in steps:
                if step[0] == "keep":
                    await keep(store, *(make_span(span.name, "more", "root") for span in spans_of(step)))
                    await take(store, clock, ("keep", [(t, 9, *rest) for t, _, *rest in step[1]], step[2]))
            told = answers(store)
            await store.maintain(force=True)
            assert answers(store) == told

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


def test_a_big_file_is_folded_while_it_is_loaded(tmp_path: Path) -> None:
    """Reading traces out of interleaved batches would decompress each batch again and again."""
    words = random.Random(3)
    notes = [words.randbytes(40_000).hex() for _ in range(20)]
    requests = [
        request_of(make_span(trace, part, note=notes[trace]) for trace in range(20)).SerializeToString()
        for part in range(22)
    ]
    with load_window(requests, tmp_path) as reader:
        sums = reader.sums()
        traces = list(reader.read(reader.select(EVERYTHING).keys))

    assert (sums["hot_bytes"], sums["spans"], len(traces)) == (0, 440, 20)
    assert all(trace.summary.complete for trace in traces)
