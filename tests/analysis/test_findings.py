"""Findings: numbers, order, outcomes and what a reader is told."""

import pytest

from analysis.changes import known_findings
from analysis.counting import counts_of, expected, waste_of
from analysis.coverage import agent_seen, breakdown, coverage_of
from analysis.detecting import Measure
from analysis.facts import FactWindow
from analysis.findings import build_finding, ranked
from analysis.headline import headline, narrative
from analysis.looking import look, shipped_detectors
from analysis.observability import missing
from analysis.outcomes import outcomes
from domain.report import AgentRef, Coverage, Finding
from domain.spans import SpanKind, SpanStatus
from tests.analysis.building import SECOND, Run, request, unusable, window


def findings(facts: FactWindow) -> list[Finding]:
    order = ranked(facts, look(facts, shipped_detectors(), missing).seen, outcomes(facts))
    return [build_finding(facts, each, report_id="r", before=None, evidence_of=lambda seen: ()) for each in order]


def coverage(facts: FactWindow) -> Coverage:
    looked = look(facts, shipped_detectors(), missing)
    explaining = [each.measure for each in ranked(facts, looked.seen, outcomes(facts)) if each.explains_failures]
    return coverage_of(facts, looked, outcomes(facts), explaining, excluded_traces=0, dropped_spans=0)


def test_a_finding_says_in_words_what_its_numbers_say() -> None:
    """The explanation is pasted into a coding agent; it must carry the interval and the cost."""
    (found,) = findings(unusable())

    assert found.title == "page_down fails in 16 of 17 calls"
    assert found.explanation.startswith(
        "page_down fails in 16 of 17 calls (94.1 %, 95 % CI 73.0–99.0 %), in 4 traces. Every call that carries"
    )
    assert "never succeeds after a failure in 12 of 16 failures" in found.explanation
    assert found.explanation.endswith("It costs at most 1,760 tokens and 32.0 s.")
    assert (found.counts.rate, found.counts.ci_low, found.counts.ci_high) == (0.941176, 0.73018, 0.98954)
    assert found.queries[0].name == found.detector
    assert len(found.queries) == 8


def test_overlapping_waste_is_counted_once() -> None:
    """A span inside a wasted span is part of it, and tokens are those of leaf model calls."""
    run = Run()
    tool = run.call("delegate", error="Error: no")
    inner = run.span(SpanKind.AGENT, parent_id=tool)
    run.ask(parent_id=inner, input_tokens=50, output_tokens=5)
    wrapper = run.ask(parent_id=inner, leaf_llm=False, input_tokens=7, output_tokens=7)
    facts = window(run)

    both = waste_of(facts, [(run.trace_id, tool), (run.trace_id, inner), (run.trace_id, wrapper)])

    assert (both.tokens, both.seconds) == (55, 1.0)


def test_a_circle_of_parents_neither_hangs_nor_counts() -> None:
    """Span ids come from outside."""
    run = Run()
    one = run.ask(input_tokens=5, output_tokens=5)
    other = run.ask(parent_id=one)
    run.change(one, parent_id=other)
    facts = window(run)

    assert waste_of(facts, [(run.trace_id, one), (run.trace_id, other)]).tokens == 0


def test_seconds_are_rounded_once_from_whole_nanoseconds() -> None:
    """A sum of floats would differ from one order of spans to another."""
    run = Run()
    spans = [(run.trace_id, run.bare_call(end_ns=run.now + 1_234_567)) for _ in range(3)]
    facts = window(run)
    measure = Measure(frozenset(spans), 3, 1, frozenset(spans))

    assert expected(facts, measure)["wasted_seconds"] == 0.004
    assert counts_of(measure).rate == 1.0


def test_what_fails_runs_comes_before_what_is_merely_frequent() -> None:
    """Ranking by raw count is what every reader of reports complains about."""
    runs = []
    for number in range(30):
        run = Run(number)
        for at in range(10):
            run.call("noisy", value=f"{at}", error="ValueError: no row" if at % 2 else "")
        if number < 6:
            run.call("deadly", error="RuntimeError: lost")
            run.fail()
        runs.append(run)

    order = [finding.title.split()[0] for finding in findings(window(*runs))]

    assert order.index("deadly") < order.index("noisy")


def test_without_outcomes_the_waste_decides() -> None:
    """A lower bound of seconds, so that one slow call does not win over many."""
    run = Run()
    for at in range(10):
        run.call("slow", value=str(at), error="Error: a" if at < 6 else "", end_ns=run.now + 60 * SECOND)
        run.call("fast", value=str(at), error="Error: b" if at < 6 else "")
    run.call("slow", value="well")
    run.call("fast", value="well")

    assert [finding.title.split()[0] for finding in findings(window(run))][:2] == ["slow", "fast"]


def test_what_was_seen_once_comes_after_what_was_seen_often_and_hygiene_last() -> None:
    """One odd error is no systemic failure, however long its span."""
    run = Run()
    run.call("once", error="Error: odd", end_ns=run.now + 999 * SECOND)
    for at in range(6):
        run.call("often", value=str(at), error="Error: again" if at % 2 else "")
        run.call("lenient", value=str(at), arguments_problem="unexpected: x")

    found = findings(window(run))

    assert [finding.title.split()[0] for finding in found] == ["often", "once", "lenient"]
    assert [finding.severity for finding in found] == ["medium", "low", "info"]
    assert [finding.confidence for finding in found] == ["medium", "low", "medium"]


def test_a_symptom_of_long_runs_does_not_explain_why_they_fail() -> None:
    """Failing runs are long, and long runs have large contexts: that is no cause."""
    runs = [Run(number) for number in range(8)]
    for number, run in enumerate(runs):
        for turn in range(6 if number < 4 else 1):
            run.ask(input_tokens=3_000 * (turn + 1))
        if number < 4:
            run.fail()

    (found,) = findings(window(*runs))

    assert found.detector == "context_growth"
    assert coverage(window(*runs)).explained_failing_traces == 0


def test_a_root_in_error_says_that_a_run_failed_and_silence_of_all_roots_says_nothing() -> None:
    """Of an agent whose roots never say, the structure is asked: unfinished runs and errors never made good."""
    good, bad, broken = Run(1), Run(2).fail(), Run(3)
    broken.call(error="Error: no")
    stated = window(good, bad, broken)
    assert (outcomes(stated).source, outcomes(stated).failing) == ("root_status", {bad.trace_id})

    silent = window(Run(1), broken)
    assert (outcomes(silent).source, outcomes(silent).failing) == ("structural", {broken.trace_id})

    other = Run(4, agent="other")
    other.hangs = True
    both = window(good, bad, other)
    assert (outcomes(both).source, outcomes(both).failing) == ("root_status+structural", {bad.trace_id, other.trace_id})


def test_an_error_that_was_made_good_fails_no_run() -> None:
    """Recovering is what agents are for."""
    run = Run()
    run.call(error="Error: no")
    run.call()
    run.span(SpanKind.CHAIN, name="step", status=SpanStatus.ERROR, leaf_error=True)
    run.span(SpanKind.CHAIN, name="step", status=SpanStatus.OK)

    assert outcomes(window(run)).failing == frozenset()


def test_coverage_counts_leaf_errors_and_leaf_tokens() -> None:
    """Wrappers repeat both."""
    run = Run()
    wrapper = run.ask(leaf_llm=False, status=SpanStatus.ERROR)
    run.ask(parent_id=wrapper, status=SpanStatus.ERROR, leaf_error=True)
    run.ask()

    found = coverage(window(run))

    assert (found.error_spans, found.leaf_errors, found.input_tokens, found.output_tokens) == (2, 1, 200, 20)
    assert (found.traces, found.spans, found.failing_traces) == (1, 4, 0)


def test_several_agents_are_broken_down_and_counted_in_the_name() -> None:
    """Offline, one file may hold many agents."""
    one, other = Run(1, agent="a"), Run(2, agent="b")
    one.call(error="Error: no")
    facts = window(one, other)
    measures = [each.measure for each in ranked(facts, look(facts, shipped_detectors(), missing).seen, outcomes(facts))]

    shares = breakdown(facts, measures)

    assert [(share.agent.name, share.spans, share.leaf_errors, share.findings) for share in shares] == [
        ("a", 3, 1, 1),
        ("b", 1, 0, 0),
    ]
    nobody = AgentRef(uuid="", name="", service="")
    assert agent_seen(facts, nobody).name == "2 agents"
    assert agent_seen(window(one), nobody).name == "a"
    assert breakdown(window(one), []) == ()


def test_the_headline_says_what_is_wrong_or_that_nothing_is() -> None:
    """It is the one sentence that everybody reads."""
    facts = unusable()
    assert headline(coverage(facts), findings(facts)) == "page_down fails in 16 of 17 calls, in 4 of 8 traces."

    healthy = Run()
    healthy.call()
    assert headline(coverage(window(healthy)), []) == "Nothing systemic was found in 1 trace (3 spans)."
    assert headline(coverage(FactWindow.of(())), []) == "No traces in this window, so nothing can be said."


def test_the_narrative_refers_to_findings_and_states_no_count_of_its_own() -> None:
    """A number in prose is one that nobody recomputes."""
    facts = unusable()

    text = narrative(coverage(facts), findings(facts))

    assert "**Finding 1** (high, owner: tool)" in text
    assert "16" not in text


@pytest.mark.parametrize("calls", [1, 4])
def test_what_surely_fails_many_runs_is_more_severe(calls: int) -> None:
    """Severity follows impact, not the detector alone."""
    runs = []
    for number in range(20):
        run = Run(number)
        run.call("look", value=str(number))
        for _ in range(calls):
            if number < 8:
                run.call("bad", value=str(number), error="Error: no")
        if number >= 8:
            run.ask()
        runs.append(run.fail() if number < (8 if calls > 1 else 1) else run)

    (found,) = findings(window(*runs))

    assert found.severity == ("critical" if calls > 1 else "high")


def test_the_findings_of_no_report_are_unknown() -> None:
    """The first report has nothing to compare with."""
    assert known_findings(None) == {}
    assert request().tool == "look"


def test_what_only_one_run_of_many_shows_is_less_severe() -> None:
    """One run's trouble is not the agent's."""
    one, *others = [Run(number) for number in range(4)]
    for at in range(4):
        one.call("odd", value=str(at), error="Error: no" if at % 2 else "")
    alone = findings(window(one))
    (among,) = findings(window(one, *others))

    assert [finding.severity for finding in alone] == ["medium"]
    assert among.severity == "low"


def test_errors_seen_once_each_are_told_together_by_class() -> None:
    """A shell fails in a hundred ways; a hundred findings help nobody."""
    run = Run()
    for at in range(40):
        run.call("sh", value=str(at))
    for name in ("gcc", "make", "git"):
        run.call("sh", value=name, error=f"{name}: command not found")
    for at in range(2):
        run.call("sh", value=f"t{at}", error="Error: timed out")
    run.call("sh", value="x", error="Error: something odd")

    found = {finding.title: finding for finding in findings(window(run))}

    together = found["sh fails with 3 different errors of the class “environment setup”, each seen once"]
    assert (together.counts.affected_spans, together.counts.opportunities, together.owner) == (3, 46, "environment")
    assert {split.value for split in together.splits if split.by == "error"} == {
        f"{name}: command not found" for name in ("gcc", "make", "git")
    }
    assert "sh fails with “Error: timed out” in 2 of 46 calls" in found
    assert "sh fails with “Error: something odd” in 1 of 46 calls" in found
    assert [finding.counts.affected_spans for finding in findings(window(run))] == [2, 3, 1]
