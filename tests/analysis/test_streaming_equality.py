"""Counted live or counted by the detectors of a report: the same spans give the same numbers."""

import random
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.facts import FactWindow
from analysis.streaming.following import LiveFollower
from bench.planting.recording import DIALECTS, Dialect, recorded
from bench.planting.traffic import traffic
from domain.following import BUCKET_NS
from domain.otlp import Span
from store.loading import LoadReport, read_trace_files
from tests.analysis.live import (
    LATER_NS,
    batch_numbers,
    digests,
    followed,
    latest,
    request,
    shuffled,
    stored,
    streamed_numbers,
    summed,
)
from tests.spans import make_span

DATA = [
    "trail-dev.jsonl.xz",
    *(f"claude_code_{version}.spans.jsonl.gz" for version in ("c4", "coder", "gpt5", "v3")),
    *(f"halo/{name}.jsonl.gz" for name in ("medium_traces", "openai-agents-demo", "realistic_traces", "tiny_traces")),
]
FAULTS = (
    "error_signatures",
    "retry_storm",
    "unrecovered_error",
    "unusable_tool",
    "tool_error_rate",
    "truncated_output",
    "unfinished_trace",
)
IDS = (*range(1, 6), *range(2**63 + 1, 2**63 + 5))
"""Of span ids that order as numbers with a sign, and of those that do not."""
MINUTE_NS = 60_000_000_000
KINDS = ("AGENT", "LLM", "TOOL", "TOOL", "CHAIN", "RETRIEVER", "")


@pytest.mark.parametrize("name", DATA)
def test_a_recorded_data_set_counts_alike(shared_data: Path, name: str) -> None:
    """The health that people see live and the report that follows must not tell two stories."""
    requests = list(read_trace_files([shared_data / "traces" / name], LoadReport()))
    told, expected = digests(requests), batch_numbers(stored(requests))

    assert streamed_numbers(followed(told)) == expected
    assert streamed_numbers(followed(shuffled(told, seed=7))) == expected


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
def test_planted_faults_count_alike_in_every_dialect(dialect: Dialect) -> None:
    """What is told in another vocabulary, or by events, must not be counted differently live."""
    stories = traffic(seed=5, runs=60)
    chance = random.Random(11)
    for fault in FAULTS:
        import_module(f"bench.planting.faults.{fault}").plant(stories, chance)
    requests = [each.SerializeToString() for each in recorded(stories, dialect)]
    expected = batch_numbers(stored(requests))

    assert streamed_numbers(followed(digests(requests))) == expected
    assert expected["failing",][0] > 0
    assert any(key[0] == "retry_storm" and counts[0] for key, counts in expected.items())


def any_spans(chance: random.Random, traces: int, spans: int) -> list[Span]:
    """Spans of any shape: circles, missing parents, equal times, resends that end later."""
    return [_any_span(chance, 1 + chance.randrange(traces)) for _ in range(spans)]


def _any_span(chance: random.Random, trace: int) -> Span:
    kind, tool, start = chance.choice(KINDS), chance.choice(("look", "find")), chance.randrange(6)
    said: dict[str, str | int] = {"openinference.span.kind": kind} if kind else {}
    if kind == "TOOL":
        said |= {"tool.name": tool, "input.value": chance.choice(('{"a": 1}', '{"a":1}', '{"a": 2}'))}
        said |= {"input.mime_type": "application/json", "output.value": chance.choice(("x", "y", ""))}
    elif kind == "LLM":
        said |= {"llm.token_count.prompt": 10, "llm.finish_reason": chance.choice(("stop", "length", ""))}
    elif kind == "AGENT":
        said |= {"agent.name": chance.choice(("a", "b")), "output.value": chance.choice(("", "x"))}
    span = make_span(
        chance.choice(IDS),
        said,
        parent=chance.choice((0, 10, *IDS)),
        name=chance.choice(("one", "two")),
        start_s=start,
        end_s=start + chance.randrange(-1, 4),
        error=chance.choice((None, None, "boom", "Timeout: late", "")),
        trace_id=trace.to_bytes(16, "big"),
    )
    if chance.random() < 0.15:
        span.end_time_unix_nano = 0
    return span


def _assert_alike(requests: list[bytes], step: int) -> FactWindow:
    streamed = streamed_numbers(followed(digests(requests), step=step))
    window = stored(requests)
    owned = FactWindow.of(trace for trace in window.traces if trace.agent_uuid)
    assert streamed == batch_numbers(owned)
    return owned


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.integers(1, 7), st.sampled_from(("shop", "halo-sidecar")))
def test_traces_of_any_shape_count_alike(chance: random.Random, step: int, service: str) -> None:
    """Parents that run in circles or never come, and spans told twice, are where two countings would drift apart."""
    found = any_spans(chance, traces=3, spans=chance.randrange(1, 25))

    _assert_alike([request(*found[:12], service="shop"), request(*found[12:], service=service)], step)


@pytest.mark.parametrize("seed", range(3))
def test_very_many_traces_of_any_shape_count_alike(seed: int) -> None:
    """Ties between times and ids are rare in one trace and sure to happen in a thousand."""
    found = any_spans(random.Random(seed), traces=1_000, spans=9_000)

    parts = [found[at : at + 300] for at in range(0, len(found), 300)]
    services = ("shop", "till", "halo-sidecar")

    window = _assert_alike([request(*part, service=services[at % 3]) for at, part in enumerate(parts)], step=500)

    assert len(window.traces) > 900


@pytest.mark.parametrize(("rooted", "failing"), [(5, 1), (1, 0)])
def test_a_missing_root_fails_a_trace_only_where_roots_are_usual(rooted: int, failing: int) -> None:
    """An agent whose roots lie in a service that exports elsewhere would otherwise fail in every trace."""
    roots = [make_span(1, trace_id=bytes([at]) * 16) for at in range(1, rooted + 1)]
    lost = make_span(2, parent=1, trace_id=bytes([99]) * 16)

    streamed = streamed_numbers(followed(digests([request(*roots, lost)])))

    assert streamed == batch_numbers(stored([request(*roots, lost)]))
    assert streamed["failing",] == (failing,)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_arrival_changes_nothing(seed: int) -> None:
    """Exporters batch, retry and cross each other; the buckets must come out byte for byte in substance."""
    requests = [each.SerializeToString() for each in recorded(traffic(seed, runs=20), DIALECTS["gen_ai"])]
    told = digests(requests)

    assert summed(followed(shuffled(told, seed), step=13)) == summed(followed(told, step=1_000))


def test_after_the_window_has_rolled_on_the_rest_counts_as_if_it_were_all(shared_data: Path) -> None:
    """Expiry takes whole buckets, so it is exact: nothing of what left may stay in a sum."""
    requests = list(read_trace_files([shared_data / "traces" / "claude_code_coder.spans.jsonl.gz"], LoadReport()))
    told, window = digests(requests), stored(requests)
    ends = {trace.trace_id: max(max(span.start_ns, span.end_ns) for span in trace.spans) for trace in window.traces}
    middle = sorted(ends.values())[len(ends) // 2]
    cut_ns = middle - middle % BUCKET_NS
    follower = LiveFollower()
    saved = followed(told, follower)

    follower.forget(cut_ns)
    kept = latest([*saved, *follower.settle(LATER_NS)])

    rest = FactWindow.of(trace for trace in window.traces if ends[trace.trace_id] >= cut_ns)
    assert 0 < len(rest.traces) < len(window.traces)
    assert streamed_numbers(kept) == batch_numbers(rest)


def test_a_trace_that_grows_after_it_had_ended_is_counted_once() -> None:
    """A late span reopens its trace; what it was counted as before is taken back, wherever that was."""
    trace = [
        make_span(1, {"openinference.span.kind": "AGENT", "agent.name": "a", "output.value": "x"}, end_s=5),
        make_span(2, {"openinference.span.kind": "TOOL", "tool.name": "look"}, parent=1, error="boom"),
        make_span(3, {"openinference.span.kind": "TOOL", "tool.name": "look"}, parent=1, start_s=2, end_s=400),
    ]
    told = digests([request(*trace)])
    follower = LiveFollower()
    follower.take(told[:2], 0)
    saved = list(follower.settle(MINUTE_NS))
    assert summed(saved)["unrecovered", "look"] == 1

    follower.take(told[2:], 2 * MINUTE_NS)
    saved = latest([*saved, *follower.settle(2 * MINUTE_NS + 1)])
    assert summed(saved)["traces",] == 1
    saved = latest([*saved, *follower.settle(3 * MINUTE_NS)])

    assert len(saved) == 1, "the trace now ends in another minute, and nothing stays behind in the first"
    assert streamed_numbers(saved) == batch_numbers(stored([request(*trace)]))


def test_a_long_trace_shows_while_it_runs_and_a_restart_does_not_count_it_twice() -> None:
    """What is counted of an open trace is set apart: after a restart the window tells of the whole trace again."""
    agent = make_span(1, {"openinference.span.kind": "AGENT", "agent.name": "a"}, end_s=900)
    calls = [
        make_span(at, {"openinference.span.kind": "TOOL", "tool.name": "look"}, parent=1, start_s=at)
        for at in range(2, 200)
    ]
    told = digests([request(*calls), request(agent)])
    first = LiveFollower()
    first.take(told[:-1], 0)
    saved = list(first.settle(1))
    assert summed(saved)["calls", "look"] == 198

    second = LiveFollower()
    second.restore(saved)
    second.take(told, 2)
    kept = latest([*saved, *second.settle(3), *second.settle(LATER_NS)])

    assert streamed_numbers(kept) == batch_numbers(stored([request(*calls), request(agent)]))
