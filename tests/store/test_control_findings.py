"""The register of findings: what it learns from reports, what it forgets, and what people decide."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.errors import PermanentError
from domain.findings import HISTORY_TOLD, FindingFilter
from domain.report import TimeWindow
from store.control import SqliteControl
from store.control.register import FINDINGS_KEPT, KEPT_UNTOLD, RATES_KEPT, learn
from tests.store.control_kit import EVIDENCE, START, Clock, claimed, opened, report_of
from tests.store.findings_kit import a_finding, counts, gone, told

EVERYTHING = FindingFilter(limit=5_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def control(tmp_path: Path, clock: Clock) -> Iterator[SqliteControl]:
    with opened(tmp_path, clock) as store:
        yield store


def test_a_first_report_makes_an_entry_with_all_that_it_said(control: SqliteControl) -> None:
    """The register is what the next report, the API and the command line build on."""
    finding = a_finding()
    report = told(control, finding)

    (entry,) = control.findings(EVERYTHING)
    whole = control.finding(entry.id)
    assert whole is not None
    assert (entry.finding, entry.status, entry.reports, entry.reopened) == (finding, "new", 1, 0)
    assert (entry.first_report_id, entry.last_report_id) == (report.report_id, report.report_id)
    assert (entry.exemplar, entry.exemplar_report_id) == (finding.evidence[0], report.report_id)
    assert entry.agent == report.agent
    assert entry.history == ()
    assert [(past.report_id, past.status, past.affected) for past in whole.history] == [(report.report_id, "new", 8)]


def test_an_entry_lives_through_resolution_and_return(control: SqliteControl) -> None:
    """Its age, its last quote and the rate it had survive the reports that do not see it."""
    first = told(control, a_finding())
    days = [START + timedelta(days=number) for number in range(1, 5)]
    told(control, gone(days[0]), at=days[0])
    told(control, gone(days[1]), at=days[1])
    (resolved,) = control.findings(EVERYTHING)
    told(control, a_finding(at=days[2], status="reopened", evidence=()), at=days[2])
    (back,) = control.findings(EVERYTHING)

    assert (resolved.status, resolved.resolved_at, resolved.reports) == ("resolved", days[0], 1)
    assert resolved.seen == counts()
    assert (resolved.exemplar_report_id, resolved.last_seen) == (first.report_id, START - timedelta(hours=1))
    assert (back.status, back.resolved_at, back.reopened, back.reports) == ("reopened", None, 1, 2)
    assert back.first_seen == START - timedelta(hours=2)
    assert [past.status for past in control.known_findings("agent-1")[0].history] == [
        "new",
        "resolved",
        "resolved",
        "reopened",
    ]


def test_a_report_without_the_finding_changes_nothing(control: SqliteControl) -> None:
    """A run that could not look is no evidence that a failure is gone, and none that the next is new."""
    told(control, a_finding())
    before = control.known_findings("agent-1")
    told(control, at=START + timedelta(days=1))

    assert control.known_findings("agent-1") == before


def test_a_look_back_moves_the_first_sight_and_nothing_else(control: SqliteControl) -> None:
    """An ad-hoc run over last week says nothing of today."""
    told(control, a_finding())
    week = START - timedelta(days=7)
    told(control, a_finding(at=week, status="persisting", counts=counts(1, 100, 0.0, 0.05)), at=week)

    (entry,) = control.known_findings("agent-1")
    assert (entry.status, entry.seen, len(entry.history)) == ("new", counts(), 1)
    assert (entry.first_seen, entry.last_seen) == (week - timedelta(hours=2), START - timedelta(hours=1))


def test_a_longer_window_that_holds_old_cases_does_not_open_what_is_resolved(control: SqliteControl) -> None:
    """The week's report after the day's: the cases are those that were there before the fix."""
    told(control, a_finding())
    day = START + timedelta(days=1)
    told(control, gone(day), at=day)
    old = a_finding(at=day, status="persisting", last_seen=START - timedelta(hours=1))
    told(control, old, at=day)

    (entry,) = control.findings(EVERYTHING)
    assert (entry.status, entry.resolved_at) == ("resolved", day)


def test_marks_are_there_after_a_restart_until_they_are_taken_back(tmp_path: Path, clock: Clock) -> None:
    """What somebody decided is the precious part."""
    with opened(tmp_path, clock) as before:
        told(before, a_finding())
        (entry,) = before.findings(EVERYTHING)
        clock.move(hours=1)
        before.mark_finding(entry.id, "muted", "the tool goes in May")
        assert before.mark_finding("no-such", "muted", "why") is None

    with opened(tmp_path, clock) as after:
        told(after, a_finding(status="worse", mark="muted"), at=START + timedelta(days=1))
        muted = after.finding(entry.id)
        assert muted is not None
        assert (muted.mark, muted.mark_reason) == ("muted", "the tool goes in May")
        assert muted.marked_at == START + timedelta(hours=1)
        heard = after.mark_finding(entry.id, "", "")
        assert heard is not None
        assert (heard.mark, heard.mark_reason, heard.marked_at) == ("", "", None)


def test_an_acknowledgement_lapses_with_the_report_that_no_longer_tells_it(
    control: SqliteControl, clock: Clock
) -> None:
    """Worse than what was accepted is not accepted; one given after the report was made stands."""
    told(control, a_finding())
    (entry,) = control.findings(EVERYTHING)
    later = START + timedelta(days=1)
    clock.move(days=2)
    control.mark_finding(entry.id, "acknowledged", "known")
    told(control, a_finding(at=later, status="worse"), at=later)
    kept = control.finding(entry.id)
    latest = START + timedelta(days=3)
    told(control, a_finding(at=latest, status="worse"), at=latest)
    lapsed = control.finding(entry.id)

    assert kept is not None and kept.mark == "acknowledged"
    assert lapsed is not None and (lapsed.mark, lapsed.mark_reason, lapsed.marked_at) == ("", "", None)


def test_lists_are_filtered_and_muted_ones_come_last(control: SqliteControl) -> None:
    """Who lists findings wants to know what to do first."""
    told(
        control,
        a_finding("low1", severity="low"),
        a_finding("high", severity="high"),
        a_finding("mute", severity="critical"),
        a_finding("gone", severity="info", status="resolved"),
    )
    told(control, a_finding("high"), agent="agent-2")
    muted = next(each for each in control.findings(EVERYTHING) if each.finding.fingerprint == "mute")
    control.mark_finding(muted.id, "muted", "why")

    def listed(**wanted: Any) -> list[str]:
        return [each.finding.fingerprint for each in control.findings(FindingFilter(**wanted))]

    assert listed(agent_uuid="agent-1") == ["high", "low1", "gone", "mute"]
    assert listed() == ["high", "high", "low1", "gone", "mute"]
    assert listed(only_open=True) == ["high", "high", "low1"]
    assert listed(status="resolved") == ["gone"]
    assert listed(mark="muted") == ["mute"]
    assert listed(severity="low") == ["low1"]
    assert listed(limit=2, offset=1) == ["high", "low1"]


def test_an_entry_is_found_by_its_id_its_fingerprint_or_its_id_in_a_report(control: SqliteControl) -> None:
    """People have one of them at hand; two agents may share a fingerprint, an id names one."""
    finding = a_finding("feed0001")
    told(control, finding)
    (entry,) = control.findings(EVERYTHING)

    for wanted in (entry.id, entry.id[:6].upper(), "feed", finding.id):
        found = control.finding(wanted)
        assert found is not None and found.id == entry.id
    assert control.finding("none-such") is None
    with pytest.raises(PermanentError, match="at least 4 characters"):
        control.finding("fee")
    told(control, finding, agent="agent-2")
    with pytest.raises(PermanentError, match="several findings"):
        control.finding("feed")
    assert control.finding(entry.id) is not None


def test_rates_and_entries_are_bounded_and_marked_ones_outlive_their_age(control: SqliteControl) -> None:
    """Everything has a limit, and a mute must not end by itself."""
    blank = report_of(claimed(control, "agent-9"))
    with control._writing() as connection:
        for number in range(RATES_KEPT + 5):
            at = START + timedelta(hours=number)
            window = TimeWindow(start=at - timedelta(days=1), end=at)
            changes = {"findings": (a_finding(at=at),), "generated_at": at, "window": window, "report_id": f"r{number}"}
            learn(connection, "agent-1", blank.model_copy(update=changes))
    (entry,) = control.findings(EVERYTHING)
    whole = control.finding(entry.id)
    assert whole is not None
    assert [past.report_id for past in whole.history] == [f"r{number}" for number in range(5, RATES_KEPT + 5)]
    assert len(control.known_findings("agent-1")[0].history) == HISTORY_TOLD

    told(control, a_finding("kept"), at=START + timedelta(days=20))
    kept = next(each for each in control.findings(EVERYTHING) if each.finding.fingerprint == "kept")
    control.mark_finding(kept.id, "muted", "why")
    late = START + timedelta(days=21) + KEPT_UNTOLD
    told(control, a_finding("late", at=late), at=late)
    assert [each.finding.fingerprint for each in control.findings(EVERYTHING)] == ["late", "kept"]
    assert control._connection.execute("SELECT count(*) FROM finding_rates").fetchone()[0] == 2

    later = late + timedelta(days=1)
    told(control, *(a_finding(f"n{number}", at=later) for number in range(FINDINGS_KEPT)), at=later)
    assert {each.finding.fingerprint for each in control.findings(EVERYTHING)} == {
        f"n{number}" for number in range(FINDINGS_KEPT)
    }


def test_a_report_that_is_not_saved_teaches_nothing(control: SqliteControl) -> None:
    """The register changes in the transaction of the report, or the two would disagree."""
    run = claimed(control)
    control.requeue_run(run.id, 1)
    control.claim_run()
    report = report_of(run).model_copy(update={"findings": (a_finding(),)})

    assert not control.save_report(run.id, run.attempt, report, "# x", EVIDENCE, ())
    assert control.findings(EVERYTHING) == []
