"""The short way to count a trace comes to what the long one does."""

import random
from collections.abc import Mapping, Sequence

import pytest

from analysis.streaming.counting import contribution, general_contribution
from analysis.streaming.open_trace import OpenTrace, Record, Word
from analysis.streaming.plain import plain
from bench.planting.recording import DIALECTS, Dialect, recorded
from bench.planting.traffic import traffic
from domain.otlp import Span
from tests.analysis.live import digests, request
from tests.analysis.test_streaming_equality import any_spans
from tests.spans import make_span

ROOT, TRACE = 1, bytes([1]) * 16


def traces(requests: Sequence[bytes]) -> list[tuple[list[Record], Sequence[Word]]]:
    """The records of each trace of some requests, and its words."""
    found: dict[bytes, OpenTrace] = {}
    for digest in digests(requests):
        found.setdefault(digest.row.trace_id, OpenTrace()).add(digest)
    return [(trace.read(), trace.words) for trace in found.values()]


def assert_alike(requests: Sequence[bytes]) -> float:
    """Both ways come to the same for every trace; the share of the traces that are plain."""
    seen = traces(requests)
    for records, words in seen:
        end_ns = max(max(record.start_ns, record.end_ns) for record in records)
        assert contribution(records, words) == general_contribution(records, words, end_ns)
    return sum(plain(records) is not None for records, _ in seen) / len(seen)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
def test_healthy_traffic_is_counted_alike(dialect: Dialect) -> None:
    """The short way is worth having only where the usual trace takes it."""
    assert assert_alike([each.SerializeToString() for each in recorded(traffic(seed=3, runs=60), dialect)]) > 0.3


@pytest.mark.parametrize("seed", range(5))
def test_small_traces_of_any_shape_are_counted_alike(seed: int) -> None:
    """What is nearly plain and is not would be counted wrong without anybody noticing."""
    chance = random.Random(seed)
    found = []
    for trace in range(1, 200):
        root = make_span(10, {"openinference.span.kind": "AGENT", "agent.name": "a"}, end_s=9)
        for span in (root, *any_spans(chance, traces=1, spans=chance.randrange(3))):
            span.trace_id = trace.to_bytes(16, "big")
            found.append(span)

    assert 0 < assert_alike([request(*found)]) < 1


def below(number: int, kind: str, parent: int = ROOT, error: str | None = None, said: Mapping[str, str] = {}) -> Span:
    """A span of the trace below its root."""
    told = {"openinference.span.kind": kind, **({"tool.name": "look"} if kind == "TOOL" else {}), **said}
    return make_span(number, told, parent=parent, start_s=number, end_s=number + 2, error=error, trace_id=TRACE)


ODD = {
    "an error": [below(2, "TOOL", error="boom")],
    "another agent": [below(2, "AGENT")],
    "a model call in a model call": [below(2, "LLM"), below(3, "CHAIN", 2), below(4, "LLM", 3)],
    "a missing parent": [below(2, "TOOL", 99)],
    "a parent that began later": [below(2, "TOOL", 3), below(3, "CHAIN")],
    "equal results": [below(at, "TOOL", said={"input.value": "a", "output.value": "x"}) for at in (2, 3)],
}


@pytest.mark.parametrize("spans", ODD.values(), ids=ODD.keys())
def test_what_is_not_plain_is_left_to_the_law(spans: list[Span]) -> None:
    """Each of these needs relations that the short way does not work out."""
    root = make_span(ROOT, {"openinference.span.kind": "AGENT", "agent.name": "a"}, end_s=20, trace_id=TRACE)

    assert assert_alike([request(root, below(2, "CHAIN"), below(3, "LLM", 2))]) == 1
    assert assert_alike([request(root, *spans)]) == 0
