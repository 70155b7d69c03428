"""Whatever order spans, records, folding, resending and restarts come in, each record is seen exactly once."""

from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from domain.otlp import LogRecord
from store.backends.sqlite import SqliteStore
from store.base import Selection
from tests.store.log_kit import keep_logs, make_record
from tests.store.window_kit import Clock, keep, open_store, span_id, trace_id, whole_trace

TRACES, SPANS = 6, ("root", "child 1", "child 2")
MERGE = {"frame_bytes": "64KiB", "step_bytes": "64KiB"}


class Model:
    """What has been sent, and what must therefore be seen."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.records: list[tuple[int, str, LogRecord]] = []
        self.traces: set[int] = set()

    async def step(self, store: SqliteStore, clock: Clock) -> None:
        match self.chance.choice(("spans", "logs", "logs", "logs", "again", "wait", "fold", "fold")):
            case "spans":
                trace = self.chance.randrange(TRACES)
                await keep(store, *whole_trace(trace))
                self.traces.add(trace)
            case "logs":
                news = [self.new_record(n) for n in range(self.chance.randrange(1, 5))]
                self.records += news
                await keep_logs(store, *(record for _, _, record in news))
            case "again" if self.records:
                await keep_logs(store, *(self.chance.choice(self.records)[2] for _ in range(3)))
            case "wait":
                clock.forward(self.chance.choice((1, 20, 400)))
            case "fold":
                await store.maintain(force=True)

    def new_record(self, number: int) -> tuple[int, str, LogRecord]:
        trace, span = self.chance.randrange(TRACES), self.chance.choice(SPANS)
        body = {"content": self.chance.randbytes(self.chance.choice((10, 3_000, 40_000))).hex()}
        return trace, span, make_record(trace, span, at_s=len(self.records) + number, body=body)

    def expected(self) -> dict[tuple[bytes, bytes], list[int]]:
        found: dict[tuple[bytes, bytes], list[int]] = defaultdict(list)
        for trace, span, record in self.records:
            if trace in self.traces:
                found[trace_id(trace), span_id(f"{trace}/{span}")].append(record.time_unix_nano)
        return {key: sorted(times) for key, times in found.items()}


def seen(store: SqliteStore) -> dict[tuple[bytes, bytes], list[int]]:
    reader = store.reader()
    return {
        (span.span.trace_id, span.span.span_id): [event.time_unix_nano for event in span.span.events]
        for trace in reader.read(reader.keys(Selection(0, 2**63 - 1)))
        for span in trace.spans
        if span.span.events
    }


@pytest.mark.parametrize("seed", range(12))
async def test_every_record_of_a_known_span_is_seen_once(seed: int, tmp_path: Path) -> None:
    """Folding that lost or doubled a message would change what an agent seems to have said."""
    model, clock = Model(Random(seed)), Clock()
    for _ in range(4):
        async with open_store(tmp_path, clock, merge=MERGE) as store:
            for _ in range(15):
                await model.step(store, clock)
            assert seen(store) == model.expected()
            assert store.reader().sums()["log_records"] == len(model.records)
