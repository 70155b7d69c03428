"""Following live is bounded: in one trace, in all of them, in names, in minutes, and by what it loads."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from analysis.streaming.digesting import SpanDigest
from analysis.streaming.following import LiveFollower
from domain.following import BUCKET_NS, SavedBucket
from domain.spans import SpanIndex, SpanKind, SpanStatus
from telemetry.metrics import (
    LIVE_DROPPED_BUCKETS,
    LIVE_EVICTED_TRACES,
    LIVE_LATE_SPANS,
    LIVE_OTHER_LABELS,
    LIVE_OVERFLOWED_TRACES,
    REGISTRY,
)
from tests.analysis.live import LATER_NS, latest, summed

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
HEAVY = ("jsonschema", "numpy", "rapidfuzz", "pydantic", "sqlite3", "analysis.detectors", "analysis.extraction")


def row(trace: int, span: int, *, parent: int = 1, tool: str = "look", second: int = 0) -> SpanIndex:
    """A tool call of a second; span 1 is an AGENT root."""
    start_ns = START_NS + second * SECOND_NS
    is_root = span == 1
    return SpanIndex(
        trace_id=trace.to_bytes(16, "big"),
        span_id=span.to_bytes(8, "big"),
        parent_id=b"" if is_root else parent.to_bytes(8, "big"),
        service="shop",
        name="clerk" if is_root else tool,
        kind=SpanKind.AGENT if is_root else SpanKind.TOOL,
        start_ns=start_ns,
        end_ns=start_ns + SECOND_NS,
        status=SpanStatus.OK,
        agent_id=None,
        agent_name="clerk" if is_root else None,
        session=None,
        provider=None,
        model=None,
        input_tokens=None,
        output_tokens=None,
        tool=None if is_root else tool,
        error=None,
        size_bytes=100,
    )


def run(trace: int, spans: int, second: int = 0) -> list[SpanDigest]:
    """A trace of so many spans, its root last."""
    return [SpanDigest(row(trace, span, second=second)) for span in (*range(2, spans + 1), 1)]


def value(metric: object) -> float:
    """A counter's value."""
    return metric._value.get()  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def grown() -> Iterator[dict[str, float]]:
    """How much each counter has grown; filled when the test asks."""
    counters = {
        "overflowed": LIVE_OVERFLOWED_TRACES,
        "evicted": LIVE_EVICTED_TRACES,
        "late": LIVE_LATE_SPANS,
        "others": LIVE_OTHER_LABELS,
        "dropped": LIVE_DROPPED_BUCKETS,
    }
    before = {name: value(counter) for name, counter in counters.items()}

    class Grown(dict[str, float]):
        def __missing__(self, name: str) -> float:
            return value(counters[name]) - before[name]

    yield Grown()


def test_a_trace_of_100_000_spans_keeps_its_length_only(grown: dict[str, float]) -> None:
    """One agent that never stops must not take the memory of all others, and must still be seen."""
    follower = LiveFollower()
    largest = 0
    for first in range(2, 100_001, 500):
        follower.take([SpanDigest(row(1, span)) for span in range(first, min(first + 500, 100_001))], 0)
        largest = max(largest, follower.state_bytes)
    follower.take([SpanDigest(row(1, 1))], 0)

    counts = summed(latest(follower.settle(LATER_NS)))

    assert largest <= (256 + 64) * 1024, "the limit, and at most one commit more"
    assert grown["overflowed"] == 1
    assert (counts["traces",], counts["spans",], counts["overflowed",]) == (1, 100_000, 1)
    assert not [key for key in counts if key[0] in ("calls", "errors", "repeated")], "half of a trace counts wrongly"


def test_a_span_told_100_000_times_is_one_span(grown: dict[str, float]) -> None:
    """A sender that retries for hours must not push a small trace over its limit."""
    follower = LiveFollower()
    for _ in range(1_000):
        follower.take([SpanDigest(row(1, span)) for span in (1, *range(2, 101))], 0)
        assert follower.state_bytes <= (256 + 64) * 1024

    counts = summed(latest([*follower.settle(LATER_NS)]))
    follower.settle(2 * LATER_NS)

    assert follower.state_bytes == 0, "what was added for a trace is taken away with it"
    assert grown["overflowed"] == 0
    assert (counts["spans",], counts["calls", "look"]) == (100, 99)


def test_10_000_open_traces_stay_under_the_limit_and_none_goes_uncounted(grown: dict[str, float]) -> None:
    """Under a flood the oldest traces are counted as they are; the sum of what is held never passes the limit."""
    limit = 4 * 1024 * 1024
    follower = LiveFollower(state_bytes=limit)
    for trace in range(10_000):
        follower.take(run(trace, 10), 0)
        assert follower.state_bytes <= limit
    held = follower.open_traces

    counts = summed(latest(follower.settle(LATER_NS)))

    assert 1_000 < held < 10_000
    assert grown["evicted"] == 10_000 - held
    assert (counts["traces",], counts["spans",], counts["calls", "look"]) == (10_000, 100_000, 90_000)


def test_the_state_counts_at_least_what_python_takes_for_it() -> None:
    """A limit on a number that is too small is no limit."""
    told = [digest for trace in range(2_000) for digest in run(trace, 12)]
    follower = LiveFollower()
    tracemalloc.start()
    follower.take(told, 0)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken <= follower.state_bytes * 1.05
    assert follower.state_bytes / 2_000 < 3 * 1024, "a trace of a dozen spans takes less than 3 KB"


def test_a_span_of_a_forgotten_trace_is_counted_as_late_and_changes_nothing(grown: dict[str, float]) -> None:
    """Counting a fragment as a trace would invent traces without a root."""
    follower = LiveFollower()
    follower.take(run(1, 5), 0)
    before = summed(latest(follower.settle(LATER_NS)))
    follower.settle(2 * LATER_NS)
    held = follower.state_bytes

    follower.take([SpanDigest(row(1, 6))], 2 * LATER_NS)

    assert before["spans",] == 5
    assert held == follower.state_bytes == 0
    assert grown["late"] == 1
    assert follower.settle(3 * LATER_NS) == []


def test_names_beyond_the_limit_are_counted_together_and_taken_back_exactly(grown: dict[str, float]) -> None:
    """Tool names come from spans: an agent that makes up a new one for each call must not fill the memory."""
    follower = LiveFollower(labels=20)
    names = [SpanDigest(row(1, span, tool=f"tool {span}")) for span in range(2, 102)]
    follower.take([*names, SpanDigest(row(1, 1))], 0)
    saved = list(follower.settle(60 * SECOND_NS))
    counts = summed(latest(saved))
    kept = {key[1] for key in counts if key[0] == "calls"}
    assert len(kept) == 21
    assert counts["calls", "(others)"] == 80
    assert grown["others"] == 80

    follower.take([SpanDigest(row(1, 103, second=3_600))], 61 * SECOND_NS)
    saved += follower.settle(62 * SECOND_NS)
    saved += follower.settle(200 * SECOND_NS)

    (only,) = latest(saved)
    assert only.start_ns == (START_NS + 3_601 * SECOND_NS) // BUCKET_NS * BUCKET_NS
    assert sum(count for key, count in summed([only]).items() if key[0] == "calls") == 101


def test_minutes_beyond_the_limit_are_given_up_oldest_first(grown: dict[str, float]) -> None:
    """What is dropped from memory is dropped from the table too, so that both always say the same."""
    follower = LiveFollower(bucket_bytes=10_000)
    saved: list[SavedBucket] = []
    for minute in range(200):
        follower.take(run(minute, 5, second=60 * minute), minute * 60 * SECOND_NS)
        saved += follower.settle(minute * 60 * SECOND_NS + 30 * SECOND_NS)
    saved += follower.settle(LATER_NS)

    kept = sorted(each.start_ns for each in latest(saved))

    assert 10 < len(kept) < 200
    assert grown["dropped"] == 200 - len(kept)
    assert kept[-1] - kept[0] == (len(kept) - 1) * BUCKET_NS


def test_following_loads_nothing_heavy() -> None:
    """It runs in the process that receives: what that process imports, every sidecar pays for."""
    code = "import sys, analysis.streaming.following; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert "analysis.streaming.tree" in loaded
    assert [name for name in loaded if name.startswith(HEAVY)] == []


def test_the_metrics_carry_the_names_that_operators_were_told() -> None:
    """A renamed metric breaks dashboards in silence."""
    names = {metric.name for metric in REGISTRY.collect()}

    assert names >= {
        *("halo_live_open_traces", "halo_live_state_bytes", "halo_live_overflowed_traces"),
        *("halo_live_evicted_traces", "halo_live_late_spans", "halo_live_other_labels", "halo_live_dropped_buckets"),
    }
