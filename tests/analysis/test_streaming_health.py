"""What live counts say of an agent's health, and when they say that something has changed."""

import random
from collections import Counter

import pytest

from analysis.statistics import wilson
from analysis.streaming.bucket import Bucket, decode, encode
from analysis.streaming.counting import Counts
from analysis.streaming.following import LiveFollower
from analysis.streaming.health import health
from analysis.streaming.signals import Thresholds, alarms, binomial_tail
from analysis.streaming.sketch import RELATIVE_ACCURACY, bin_of, quantile, quantile_interval
from analysis.streaming.watching import Watch
from domain.following import BUCKET_NS, SavedBucket
from domain.otlp import Span
from tests.analysis.live import LATER_NS, digests, followed, latest, request, summed
from tests.spans import START_NS, make_span


def story(
    number: int,
    *,
    fails: bool = False,
    loops: int = 1,
    tokens: int = 1_000,
    seconds: float = 1.0,
    minute: int = 0,
    error: str = "boom",
) -> list[Span]:
    """A run of an agent: a model call and calls of one tool."""
    trace_id = (number + 1).to_bytes(16, "big")
    at = 60.0 * minute
    root = {"openinference.span.kind": "AGENT", "agent.name": "clerk", "output.value": "done"}
    model: dict[str, str | int] = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "m1",
        "llm.token_count.prompt": tokens,
    }
    tool = {"openinference.span.kind": "TOOL", "tool.name": "look", "input.value": "{}", "output.value": "same"}
    found = [
        make_span(1, root, start_s=at, end_s=at + 30, trace_id=trace_id),
        make_span(2, model, parent=1, start_s=at, end_s=at + 1, trace_id=trace_id),
    ]
    for call in range(loops):
        start = at + 2 + call
        said = tool | {"output.value": f"result {number}"}
        found.append(
            make_span(
                3 + call,
                said,
                parent=1,
                start_s=start,
                end_s=start + seconds,
                error=error if fails else None,
                trace_id=trace_id,
            )
        )
    return found


def counted(*stories: list[Span]) -> list[SavedBucket]:
    """The buckets of some runs."""
    return followed(digests([request(*spans) for spans in stories]))


def usual(runs: int, first: int = 0) -> Counts:
    """Healthy runs, with one failure in fifty and times and tokens that vary."""
    chance = random.Random(first)
    return summed(
        counted(
            *(
                story(
                    first + number,
                    fails=number % 50 == 7,
                    tokens=chance.randrange(500, 2_000),
                    seconds=chance.uniform(0.5, 2.0),
                )
                for number in range(runs)
            )
        )
    )


def test_health_states_counts_with_their_intervals() -> None:
    """A rate without how sure it is says nothing; ten calls and ten thousand must not look alike."""
    buckets = counted(*(story(number, fails=number < 3, tokens=100 * (number + 1)) for number in range(10)))

    found = health(buckets, 0, 2**63)

    (tool,) = found.tools
    assert (tool.tool, tool.calls, tool.failures, tool.unrecovered) == ("look", 10, 3, 3)
    assert (tool.low, tool.high) == wilson(3, 10)
    assert (found.traces, found.failing_traces, found.tool_calls, found.model_calls) == (10, 3, 10, 10)
    assert found.input_tokens == sum(range(100, 1_100, 100))
    assert found.trace_tokens.p50 == pytest.approx(500, rel=RELATIVE_ACCURACY)
    assert found.trace_seconds.p95 == pytest.approx(30, rel=RELATIVE_ACCURACY)
    assert tool.seconds.p50 == pytest.approx(1, rel=RELATIVE_ACCURACY)
    (signature,) = found.signatures
    assert (signature.tool, signature.template, signature.spans, signature.traces) == ("look", "boom", 3, 3)


def test_health_of_no_traffic_is_empty_and_certain_of_nothing() -> None:
    """An idle agent is neither healthy nor ill."""
    found = health([], 0, 10)

    assert (found.traces, found.failing_low, found.failing_high) == (0, 0.0, 1.0)
    assert found.trace_seconds.p50 is None
    assert (found.tools, found.models, found.signatures) == ((), (), ())


def test_health_sees_only_the_minutes_asked_for() -> None:
    """The last hour must not hold what is older."""
    buckets = counted(story(1, minute=0), story(2, minute=3), story(3, minute=6))
    start_ns = START_NS - START_NS % BUCKET_NS

    assert health(buckets, start_ns + 2 * BUCKET_NS, start_ns + 5 * BUCKET_NS).traces == 1


def test_a_bucket_survives_being_written_down() -> None:
    """Names come from spans: quotes, line breaks and lone surrogates among them."""
    bucket = Bucket(Counter({("calls", 'a"\n\u2028'): 3, ("trace_tokens", 17): 2}), Counter({("traces",): 1}))

    assert decode(encode(bucket)) == bucket
    assert encode(Bucket(Counter(), Counter())) == b""
    assert decode(b"") == decode(b"\x09of a later version") == Bucket(Counter(), Counter())
    assert encode(Bucket(Counter({("calls", "\ud800"): 1}), Counter()))


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_quantiles_of_a_sketch_are_within_its_accuracy(share: float) -> None:
    """Two per cent is what health promises of every time it states."""
    chance = random.Random(1)
    values = sorted(int(chance.lognormvariate(18, 2)) + 1 for _ in range(5_000))
    found = quantile(Counter(map(bin_of, values)), share)

    assert found == pytest.approx(values[int(share * (len(values) - 1))], rel=RELATIVE_ACCURACY)


def test_the_interval_of_a_quantile_holds_the_true_one_as_often_as_it_says() -> None:
    """Shifts are told by intervals that lie apart, so intervals that are too short would cry wolf."""
    chance = random.Random(2)
    missed = 0
    for _ in range(500):
        values = [int(chance.expovariate(1.0) * 1e9) + 1 for _ in range(40)]
        found = quantile_interval(Counter(map(bin_of, values)), 0.5, 1.96)
        assert found is not None
        missed += not found[0] * 0.98 <= 0.693147e9 <= found[1] * 1.02

    assert missed <= 35, "5 % of 500, and three standard errors more than that"
    assert quantile_interval(Counter({1: 3}), 0.5, 3.0) is None


def test_the_binomial_tail_is_exact() -> None:
    """The level of every alarm rests on it."""
    assert binomial_tail(3, 3, 0.5) == pytest.approx(0.125)
    assert binomial_tail(2, 4, 0.25) == pytest.approx(1 - 0.75**4 - 4 * 0.25 * 0.75**3)
    assert binomial_tail(0, 10, 0.1) == 1.0
    assert binomial_tail(1, 10, 0.0) == 0.0
    assert 0 < binomial_tail(400, 1_000, 0.01) < 1e-300 or binomial_tail(400, 1_000, 0.01) == 0.0


def test_usual_traffic_raises_no_alarm() -> None:
    """An alarm that sounds without cause is switched off, and then the one with a cause is not heard."""
    baseline = usual(200)

    for start in range(1_000, 3_000, 100):
        assert alarms(usual(60, start), baseline) == []


def kinds(recent: list[SavedBucket], baseline: Counts) -> set[tuple[str, str]]:
    """Kind and subject of every alarm."""
    return {(alarm.kind, alarm.subject) for alarm in alarms(summed(recent), baseline)}


def test_a_tool_that_begins_to_fail_is_an_error_burst() -> None:
    """It is told of the tool and of the agent, with the numbers of before beside those of now."""
    recent = counted(*(story(number, fails=number % 2 == 0) for number in range(40)))
    baseline = usual(200)

    assert kinds(recent, baseline) == {("error_burst", ""), ("error_burst", "look")}
    (of_tool,) = [alarm for alarm in alarms(summed(recent), baseline) if alarm.subject]
    assert "in 20 of the last 40 traces (50.0 %); before, in 4 of 200 (2.0 %)" in of_tool.text
    assert of_tool.figures == {"traces": 20, "of_traces": 40, "traces_before": 4, "of_traces_before": 200}


def test_an_error_nobody_has_seen_is_a_new_signature() -> None:
    """Also when it is still too rare to move any rate."""
    new = [story(number, fails=number < 8, error="disk is full") for number in range(100)]

    assert kinds(counted(*new), usual(300)) == {("new_error_signature", "look")}
    assert ("new_error_signature", "look") not in kinds(
        counted(*(story(number, fails=number < 8) for number in range(100))), usual(300)
    )


@pytest.mark.parametrize("tokens", [200, 4_000])
def test_traces_that_take_other_amounts_of_tokens_are_a_shift(tokens: int) -> None:
    """Up costs money; down means that the agent no longer does its work."""
    recent = counted(*(story(number, tokens=tokens) for number in range(40)))

    assert ("token_shift", "") in kinds(recent, usual(200))


def test_a_tool_that_takes_longer_is_a_latency_shift_and_one_that_is_quicker_is_not() -> None:
    """Nobody wants to be called at night because something works better."""
    slow = counted(*(story(number, seconds=6) for number in range(40)))
    quick = counted(*(story(number, seconds=0.1) for number in range(40)))

    assert ("latency_shift", "look") in kinds(slow, usual(200))
    assert kinds(quick, usual(200)) == set()


def test_calls_that_go_in_circles_are_a_loop_storm() -> None:
    """A loop burns tokens without an error anywhere."""
    recent = counted(*(story(number, loops=6 if number % 3 == 0 else 1) for number in range(40)))

    assert ("loop_storm", "look") in kinds(recent, usual(200))


def test_little_traffic_raises_no_alarm() -> None:
    """Three failures of three runs at night are no statistics; nor is anything when nothing was before."""
    failing = [story(number, fails=True, loops=6) for number in range(9)]

    assert kinds(counted(*failing), usual(200)) == set()
    assert alarms(summed(counted(*failing)) + usual(60), usual(20)) == []
    assert alarms(summed(counted(*failing)), usual(200), Thresholds(recent_traces=5)) != []


def test_a_watch_tells_the_same_as_the_rules_at_every_look() -> None:
    """It keeps a running sum; a body that changes or leaves the range must leave nothing behind."""
    watch = Watch(recent_ns=5 * BUCKET_NS)
    follower = LiveFollower()
    saved: list[SavedBucket] = []
    start_ns = START_NS - START_NS % BUCKET_NS
    told = 0
    for minute in range(60):
        stories = [story(20 * minute + at, minute=minute, fails=at % 2 == 0 and minute > 50) for at in range(4)]
        follower.take(digests([request(*spans) for spans in stories]), minute * BUCKET_NS)
        saved += follower.settle(minute * BUCKET_NS + BUCKET_NS // 2)
        now_ns = start_ns + (minute + 1) * BUCKET_NS
        kept = [each for each in latest(saved) if each.start_ns >= now_ns - 30 * BUCKET_NS]
        split_ns = now_ns - 5 * BUCKET_NS

        found = watch.alarms(kept, now_ns)

        recent = summed(each for each in kept if each.start_ns >= split_ns)
        assert found == alarms(recent, summed(each for each in kept if each.start_ns < split_ns))
        told += bool(found)
    assert 0 < told < 15
    assert watch.alarms([], LATER_NS) == []
