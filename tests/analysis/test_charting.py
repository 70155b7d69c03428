"""What charts show: stretches that lose no trace, trends that add up, and traces cut to what a picture bears."""

from itertools import pairwise
from typing import Any

import pytest

from analysis.charting import MOST_POINTS, MOST_STRETCHES, charts_of, stretches, timeline, trends
from analysis.detecting import Measure
from analysis.facts import FactWindow
from analysis.looking import shipped_detectors
from analysis.waterfalls import MOST_SPANS, NAME_MAX_CHARS, waterfall_of
from domain.report import Finding
from domain.spans import SpanKind, SpanStatus
from tests.analysis.building import SECOND, START, Run, unusable, window
from tests.analysis.changing import changed, dotted
from tests.analysis.recorded import Evidence, evidence, troubled


@pytest.fixture(scope="module")
def found() -> Evidence:
    return evidence(troubled())


def finding_of(found: Evidence, **said: Any) -> Finding:
    """The first finding of a report, with other words."""
    return found.built.report.findings[0].model_copy(update=said)


class Lying:
    """A detector whose answers for stretches do not add up to its answer for the window."""

    name = "lying"
    requires: tuple[str, ...] = ()

    def measure(self, part: FactWindow, args: Any) -> Measure:
        return Measure(frozenset({("a", "b")}), 5, 1, frozenset())


def test_every_trace_lies_in_exactly_one_stretch() -> None:
    """A trace at an edge, or the last one, must neither be lost nor counted twice."""
    runs = [Run(number) for number in range(MOST_POINTS + 20)]
    facts = window(*runs)
    cut = stretches(facts, MOST_POINTS)

    assert len(cut) == MOST_POINTS
    assert sorted(trace.trace_id for each in cut for trace in each.traces) == sorted(run.trace_id for run in runs)
    assert all(one.end_ns == other.start_ns for one, other in pairwise(cut))
    for each in cut:
        ends = [max(span.end_ns for span in trace.spans) for trace in each.traces]
        assert all(each.start_ns <= end < each.end_ns for end in ends)


def test_traces_that_end_at_one_moment_are_one_stretch_or_more_but_all_there() -> None:
    """Files often say the same time of every trace."""
    runs = [Run(0).facts() for _ in range(5)]

    assert sum(len(each.traces) for each in stretches(FactWindow.of(runs), MOST_POINTS)) == 5
    assert stretches(FactWindow.of(()), MOST_POINTS) == ()


def test_the_timeline_adds_up_to_the_coverage(found: Evidence) -> None:
    """Two numbers for one thing in one report would make both worthless."""
    report = found.built.report
    points = report.timeline

    assert points == timeline(found.facts)
    assert len(points) <= MOST_POINTS
    assert sum(point.traces for point in points) == report.coverage.traces
    assert sum(point.spans for point in points) == report.coverage.spans
    assert sum(point.failing_traces for point in points) == report.coverage.failing_traces
    assert sum(point.leaf_errors for point in points) == report.coverage.leaf_errors
    assert sum(point.tokens for point in points) == report.coverage.input_tokens + report.coverage.output_tokens


def test_a_trend_adds_up_to_its_finding(found: Evidence) -> None:
    """It is the same query, asked of parts of the window."""
    finding = found.built.report.findings[0]

    assert 1 < len(finding.trend) <= MOST_STRETCHES
    assert sum(point.affected for point in finding.trend) == finding.counts.affected_spans
    assert sum(point.opportunities for point in finding.trend) == finding.counts.opportunities
    assert all(point.ci_low <= point.affected / point.opportunities <= point.ci_high for point in finding.trend)


def test_an_answer_that_does_not_add_up_over_time_has_no_trend(found: Evidence) -> None:
    """A query that compares the window with itself says something else of each part; a curve of that would mislead."""
    finding = finding_of(
        found, queries=(found.built.report.findings[0].queries[0].model_copy(update={"name": "lying"}),)
    )
    lying: Any = {"lying": Lying()}

    assert trends(found.facts, lying, [finding]) == {}
    assert trends(found.facts, {}, [finding]) == {}


def test_what_the_window_does_not_show_has_no_charts(found: Evidence) -> None:
    """A finding of the last report is told with its bound, not with an empty curve."""
    gone = finding_of(found, counts=finding_of(found).counts.model_copy(update={"affected_spans": 0}))
    charts = charts_of(found.facts, shipped_detectors(), [gone])

    assert (charts.trends, charts.waterfalls) == ({}, ())
    assert charts.on([gone])[0].trend == ()


def test_only_what_somebody_should_act_on_has_a_waterfall(found: Evidence) -> None:
    """Pictures of matters of hygiene would hide the others."""
    grave, slight = finding_of(found), finding_of(found, fingerprint="other", severity="low")
    charts = charts_of(found.facts, shipped_detectors(), [slight, grave])

    assert [each.fingerprint for each in charts.waterfalls] == [grave.fingerprint]
    assert charts.waterfalls[0].trace_id == grave.evidence[0].trace_id
    cited = {item.span_id for item in grave.evidence if item.trace_id == grave.evidence[0].trace_id}
    assert {span.span_id for span in charts.waterfalls[0].spans if span.cited} == cited


def test_a_long_trace_is_cut_to_the_cited_those_around_and_the_longest(found: Evidence) -> None:
    """A picture of a hundred thousand spans shows nothing."""
    run = Run(7)
    parent = run.span(SpanKind.CHAIN, name="deep")
    cited = run.span(SpanKind.TOOL, name="x" * 1_000, parent_id=parent, status=SpanStatus.ERROR)
    sibling = run.span(SpanKind.TOOL, name="beside\n\x1b[31m", parent_id=parent)
    for _ in range(300):
        run.span(SpanKind.TOOL, name="short", end_ns=START)
    long = run.span(SpanKind.LLM, name="long", end_ns=START + 10**6 * SECOND)
    item = finding_of(found).evidence[0].model_copy(update={"trace_id": run.trace_id, "span_id": cited})
    drawn = waterfall_of(finding_of(found, evidence=(item,)), run.facts())
    shown = {span.span_id: span for span in drawn.spans}

    assert (len(drawn.spans), drawn.left_out) == (MOST_SPANS, 305 - MOST_SPANS)
    assert {run.root, parent, cited, sibling, long} <= set(shown)
    assert [shown[each].depth for each in (run.root, parent, cited)] == [0, 1, 2]
    assert len(shown[cited].name) == NAME_MAX_CHARS
    assert shown[sibling].name == "beside [31m"
    assert list(shown)[:3] == [run.root, parent, cited]


def test_parents_in_a_circle_and_spans_that_run_backwards_are_drawn_once(found: Evidence) -> None:
    """Whatever a client sends, the report is made."""
    run = Run(8)
    one = run.span(SpanKind.TOOL, name="one")
    other = run.span(SpanKind.TOOL, name="other", parent_id=one)
    run.change(one, parent_id=other, end_ns=0)
    item = finding_of(found).evidence[0].model_copy(update={"trace_id": run.trace_id, "span_id": one})
    drawn = waterfall_of(finding_of(found, evidence=(item,)), run.facts())

    assert sorted(span.span_id for span in drawn.spans) == sorted([run.root, one, other])
    assert all(span.end_ms >= span.start_ms for span in drawn.spans)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("timeline", 0, "failing_traces"), 99),
        (("findings", 0, "trend", 0, "affected"), 99),
        (("findings", 0, "trend", 1, "ci_high"), 0.123),
        (("waterfalls", 0, "spans", 1, "end_ms"), 123.0),
        (("waterfalls", 0, "spans", 1, "name"), "another"),
        (("waterfalls", 0, "left_out"), 5),
    ],
)
def test_a_chart_that_was_changed_is_named(found: Evidence, path: Any, value: Any) -> None:
    """A curve persuades more than a sentence, so it is held to the facts as well."""
    lines = found.verify(changed(found.json, path, value))

    assert [line for line in lines if line.startswith(f"{dotted(path)}: expected ")], lines


def test_charts_of_a_whole_window_are_confirmed() -> None:
    """What the report draws, verification draws again."""
    facts = unusable(8, 3)

    assert timeline(facts) == timeline(FactWindow.of(facts.traces))
    assert evidence(troubled()).verify() == []
