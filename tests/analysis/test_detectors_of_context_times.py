"""Detectors of what runs wait for: what they find, and the false alarms they must not raise."""

import pytest

from analysis.critical_path import gaps
from analysis.detecting import Measure
from domain.spans import SpanKind
from tests.analysis.asking import none, only, split
from tests.analysis.building import SECOND, Run, window
from tests.analysis.troubled_answers import reading, waiting


def counted(measure: Measure) -> tuple[int, int]:
    return len(measure.affected), measure.opportunities


def test_time_that_nothing_recorded_covers_is_unexplained() -> None:
    """Two calls of a second, and five seconds between them, at the median of a version's runs."""
    candidate, measure = only("unexplained_time", window(*(waiting(at, 5.0) for at in range(20))))

    assert counted(measure) == (20, 20)
    assert dict(measure.figures)["median_seconds"] == pytest.approx(5.0)
    assert candidate.severity == "low"
    assert measure.wasted == frozenset()


def test_short_waits_few_runs_and_a_few_slow_ones_are_no_finding() -> None:
    """A second and a fifth at the median of twenty runs is where it begins."""
    assert none("unexplained_time", window(*(waiting(at, 5.0) for at in range(19))))
    assert none("unexplained_time", window(*(waiting(at, 1.0) for at in range(20))))
    assert none("unexplained_time", window(*(waiting(at, 5.0 if at < 9 else 0.0) for at in range(20))))
    broken = [waiting(at, 5.0) for at in range(20)]
    for run in broken:
        run.span(SpanKind.LLM, parent_missing=True)
    assert none("unexplained_time", window(*broken))


def unexplained(run: Run) -> float:
    trace = run.facts()
    return sum(gap.nanoseconds for gap in gaps(trace, trace.roots[0])) / SECOND


def test_the_critical_path_goes_through_overlapping_and_nested_spans() -> None:
    """A gap inside a sub-agent counts, one beside it that another call covers does not."""
    run = Run()
    start = run.now
    inner = run.span(SpanKind.AGENT, start_ns=start, end_ns=start + 10 * SECOND)
    run.ask(parent_id=inner, start_ns=start, end_ns=start + 4 * SECOND)
    run.ask(parent_id=inner, start_ns=start + 6 * SECOND, end_ns=start + 10 * SECOND)
    run.ask(start_ns=start + SECOND, end_ns=start + 9 * SECOND)
    run.change(run.root, start_ns=start)
    run.now = start + 12 * SECOND

    assert unexplained(run) == pytest.approx(2 + 2)


def test_the_inside_of_a_step_is_its_own() -> None:
    """A tool with one short request inside works for the rest of its time."""
    run = Run()
    run.change(run.root, start_ns=run.now)
    tool = run.span(SpanKind.TOOL, tool="look", end_ns=run.now + 10 * SECOND)
    run.span(SpanKind.UNKNOWN, parent_id=tool)
    run.now += 8 * SECOND

    assert unexplained(run) == 0


def test_a_circle_of_parents_and_spans_outside_their_parents_do_no_harm() -> None:
    """Clocks and ids may be wrong; the walk ends, and no gap is longer than the run."""
    run = Run()
    first = run.span(SpanKind.AGENT)
    second = run.span(SpanKind.AGENT, parent_id=first)
    run.change(first, parent_id=second)
    run.span(SpanKind.LLM, start_ns=run.now - 99 * SECOND, end_ns=run.now + 99 * SECOND)

    assert unexplained(run) == 0


def test_slow_calls_that_wait_for_a_call_they_do_not_need_are_advice() -> None:
    """Two pairs of four: a call is in one pair only; a pair saves the shorter call."""
    run = Run()
    reading(run, *["read_page", "read_rule", "list_things", "find_order"], seconds=2)
    other = Run(1)
    reading(other, "read_page", "read_rule", seconds=3)

    candidate, measure = only("serial_calls", window(run, other))
    assert counted(measure) == (3, 4)
    assert dict(measure.figures) == {"seconds_saved_at_most": 7.0}
    assert candidate.severity == "info"
    assert split(measure, "tools")["read_page, then read_rule"] == (2, 2)


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        (("read_page", "read_rule"), {"builds": True}),
        (("read_page", "read_rule"), {"builds": None}),
        (("read_page", "read_rule"), {"seconds": 0.5}),
        (("read_page", "send_mail"), {}),
        (("createOrder", "read_page"), {}),
        (("list_orders", "list_orders"), {"keys": '["customer","page"]'}),
        (("list_orders", "list_orders"), {"arguments_hash": "same"}),
        (("read_page", "read_rule"), {"error": "Busy: later"}),
    ],
)
def test_calls_that_build_on_each_other_change_things_turn_pages_or_are_short_may_wait(
    tools: tuple[str, str], said: dict[str, object]
) -> None:
    """Each is a reason to come one after the other, or none to hurry."""
    runs = [Run(at) for at in range(5)]
    for run in runs:
        reading(run, *tools, **said)

    assert none("serial_calls", window(*runs))


def test_calls_that_overlap_run_together_already() -> None:
    """There is nothing left to save."""
    runs = [Run(at) for at in range(5)]
    for run in runs:
        begin = run.now
        reading(run, "read_page", "read_rule", start_ns=begin)

    assert none("serial_calls", window(*runs))


def test_the_split_says_whether_a_harness_or_a_prompt_could_save_the_time() -> None:
    """Calls asked for in one turn are the harness's to run at the same time."""
    runs = [Run(at) for at in range(4)]
    for run in runs:
        turn = run.ask()
        reading(run, "read_page", "read_rule", issuer_id=turn)

    _, measure = only("serial_calls", window(*runs))
    assert split(measure, "turns") == {}
    apart = Run(9)
    reading(apart, "read_page", issuer_id=apart.ask())
    reading(apart, "read_rule", issuer_id=apart.ask(), builds_on_previous=False)
    _, measure = only("serial_calls", window(*runs, apart))
    assert split(measure, "turns") == {"one": (4, 4), "separate": (1, 1)}
