"""What became of a finding since the last report; absence proves nothing without exposure."""

from datetime import UTC, datetime, timedelta

import pytest

from analysis.changes import REMEMBERED, known_findings
from analysis.facts import FactWindow
from analysis.looking import look, shipped_detectors
from analysis.observability import missing
from analysis.standing import before_of, status_of
from analysis.telling import Occasion, Told, findings_of
from domain.report import AgentRef, Claims, Counts, Coverage, Finding, Report, Spend, TimeWindow
from tests.analysis.building import NO_ARGUMENT, SECOND, START, Run, unusable, window

NOW = datetime(2023, 11, 25, tzinfo=UTC)
LOOKING = ("error_signatures", "latency_outliers", "retry_storm", "tool_error_rate", "unusable_tool")


def look_at(facts: FactWindow, previous: Report | None = None, now: datetime = NOW) -> Told:
    loaded = {name: detector for name, detector in shipped_detectors().items() if name in LOOKING}
    looked = look(facts, loaded, missing)
    return findings_of(facts, loaded, looked, Occasion("r", now, now, previous), lambda *ids: None)


def report(*findings: Finding) -> Report:
    return Report(
        report_id="p",
        run_id="p",
        agent=AgentRef(uuid="u", name="n", service="s"),
        window=TimeWindow(start=NOW, end=NOW),
        generated_at=NOW,
        mode="analysis",
        headline="",
        coverage=Coverage(
            traces=0,
            spans=0,
            excluded_traces=0,
            failing_traces=0,
            outcome_source="structural",
            explained_failing_traces=0,
            dropped_spans=0,
            error_spans=0,
            leaf_errors=0,
            input_tokens=0,
            output_tokens=0,
            not_observable=(),
            tests_run=0,
        ),
        findings=findings,
        claims=Claims(),
        narrative_md="",
        spend=Spend(seconds=0),
    )


def page_down(good: int, bad: int, first: int = 50) -> FactWindow:
    runs = []
    for number in range(first, first + max(good, bad, 1)):
        run = Run(number)
        if number - first < good:
            run.call("page_down", "[]")
        if number - first < bad:
            run.call("page_down", '[""]', error=NO_ARGUMENT)
        runs.append(run)
    return window(*runs)


def about_page_down(told: Told) -> Finding:
    (found,) = [finding for finding in told.findings if "page_down" in finding.title]
    return found


@pytest.fixture
def before() -> Finding:
    return about_page_down(look_at(unusable()))


def test_a_first_finding_is_new_and_a_seen_one_persists_since_its_first_sight(before: Finding) -> None:
    """Age tells a reader what nobody has mended."""
    after = about_page_down(look_at(page_down(1, 16), report(before)))

    assert before.status == "new"
    assert (after.status, after.fingerprint) == ("persisting", before.fingerprint)
    assert after.first_seen == before.first_seen < after.last_seen


def counts(low: float, high: float) -> Counts:
    return Counts(
        affected_spans=5, opportunities=9, affected_traces=1, traces=1, rate=(low + high) / 2, ci_low=low, ci_high=high
    )


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [(0.4, 0.6, "persisting"), (0.55, 0.8, "persisting"), (0.7, 0.9, "worse"), (0.1, 0.3, "better")],
)
def test_worse_and_better_need_intervals_that_do_not_overlap(
    before: Finding, low: float, high: float, status: str
) -> None:
    """A rate that moves within its uncertainty has not moved."""
    known = known_findings(report(before.model_copy(update={"counts": counts(0.4, 0.6)})))
    (one,) = known.values()

    assert status_of(counts(low, high), NOW, before_of(one)) == status


def test_enough_clean_calls_resolve_a_finding(before: Finding) -> None:
    """Ten clean calls bound the rate by 30 %, far below the 73 % it surely had."""
    after = about_page_down(look_at(page_down(10, 0), report(before)))

    assert (after.status, after.severity) == ("resolved", "info")
    assert (after.counts.affected_spans, after.counts.opportunities) == (0, 10)
    assert (after.first_seen, after.last_seen) == (before.first_seen, before.last_seen)
    assert after.evidence == ()
    assert after.queries[0].expect["affected_spans"] == 0
    assert after.title == "Not seen any more: page_down fails in 16 of 17 calls"


def test_too_few_clean_calls_resolve_nothing(before: Finding) -> None:
    """Three calls could all succeed by chance; the report says how many it takes."""
    after = about_page_down(look_at(page_down(3, 0), report(before)))

    assert (after.status, after.severity) == ("persisting", "info")
    assert after.explanation == "None of 3 opportunities shows it; 5 are needed to call it resolved."


def test_a_silent_window_in_between_does_not_forget_what_is_to_be_resolved(before: Finding) -> None:
    """The rate it had when it was last seen decides, not the nothing of the window between."""
    between = about_page_down(look_at(page_down(1, 0), report(before)))
    again = about_page_down(look_at(page_down(10, 0, 70), report(between)))

    assert between.status == "persisting"
    assert again.status == "resolved"
    assert again.title == between.title


def test_what_was_resolved_and_is_seen_again_is_reopened(before: Finding) -> None:
    """A regression is not news, it is worse than news."""
    resolved = about_page_down(look_at(page_down(10, 0), report(before)))
    after = about_page_down(look_at(page_down(0, 6, 70), report(resolved)))

    assert after.status == "reopened"
    assert after.first_seen == before.first_seen


def fetches(slow: int, first: int) -> FactWindow:
    run = Run(first)
    for at in range(30):
        seconds = 90 if at < slow else 1
        run.bare_call("fetch", value=str(at), start_ns=START, end_ns=START + seconds * SECOND)
    return window(run)


def test_what_still_occurs_but_too_rarely_is_kept_as_a_matter_of_hygiene() -> None:
    """It is neither gone nor found again, and must not vanish silently."""
    (known,) = look_at(fetches(5, 1)).findings
    (after,) = look_at(fetches(2, 2), report(known)).findings

    assert (after.status, after.severity, after.counts.affected_spans) == ("persisting", "info", 2)
    assert after.explanation == "It still occurs, but too rarely to be proposed as a finding."
    assert after.waste.seconds == 180.0


def test_a_finding_that_another_one_now_tells_is_not_carried_beside_it(before: Finding) -> None:
    """Its query is among those of the other finding."""
    told = look_at(page_down(40, 2), report(before))

    assert [finding.detector for finding in told.findings] == ["error_signatures"]
    assert told.findings[0].status == "better"


def test_after_a_month_unseen_a_finding_is_forgotten(before: Finding) -> None:
    """Reports would fill with history."""
    later = before.last_seen + REMEMBERED + timedelta(seconds=1)

    assert look_at(page_down(10, 0), report(before), later).findings == ()


def test_what_cannot_be_asked_any_more_is_not_called_resolved(before: Finding) -> None:
    """A query of a detector that is gone has no answer."""
    gone = before.model_copy(update={"queries": (before.queries[0].model_copy(update={"name": "no_such"}),)})

    assert look_at(page_down(10, 0), report(gone)).findings == ()
