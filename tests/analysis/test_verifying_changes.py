"""`halo verify` works out again what became of a finding: statuses, ages, histories and marks are claims too."""

from datetime import timedelta
from typing import Any

import pytest

from analysis.changes import known_findings
from analysis.verifying import verify
from domain.findings import KnownFinding
from domain.report import Report
from tests.analysis.changing import changed
from tests.analysis.recorded import NOW, Evidence, evidence, paging, troubled
from tests.analysis.stored import one_trace
from tests.spans import make_span

LOOKING = ("error_signatures", "retry_storm", "tool_error_rate", "unusable_tool")


def looked(traces: Any, **said: Any) -> Evidence:
    """A report of the detectors that tell of failing tools."""
    from analysis.looking import shipped_detectors

    off = {name: {"enabled": False} for name in shipped_detectors() if name not in LOOKING}
    return evidence(traces, detectors=off, **said)


def register(report: Report, **marks: Any) -> list[KnownFinding]:
    """What a register would know after a report, its entries marked alike."""
    return [each.model_copy(update=marks) for each in known_findings(report).values()]


@pytest.fixture(scope="module")
def first() -> Report:
    return looked(troubled()).built.report


@pytest.fixture(scope="module")
def mended(first: Report) -> Evidence:
    """The second report: the tool works in forty calls."""
    traces = [paging(number, 0, 4) for number in range(20, 30)]
    return looked(traces, previous=first, register=register(first), report_id="second", run_id="second")


@pytest.fixture(scope="module")
def again(mended: Evidence) -> Evidence:
    """The third: it is broken again, and somebody had acknowledged it."""
    (gone,) = mended.built.report.findings
    times = {"first_seen": gone.first_seen - timedelta(days=3), "last_seen": gone.last_seen - timedelta(days=2)}
    known = register(mended.built.report, mark="acknowledged", mark_reason="known", **times)
    traces = [paging(number, 3) for number in range(40, 46)]
    return looked(traces, previous=mended.built.report, register=known, report_id="third", run_id="third")


def test_resolved_and_reopened_reports_are_confirmed(first: Report, mended: Evidence, again: Evidence) -> None:
    """Honest reports must pass, or nobody believes the check."""
    (gone,), (back,) = mended.built.report.findings, again.built.report.findings

    assert (gone.status, gone.bound, gone.baseline) == ("resolved", 0.075, None)
    assert (back.status, back.mark, back.reports) == ("reopened", "", 2)
    assert [(past.report_id, past.status) for past in back.history] == [("report", "new"), ("second", "resolved")]
    assert back.first_seen == first.findings[0].first_seen - timedelta(days=3)
    assert (mended.built.report.previous_report_id, again.built.report.previous_report_id) == ("report", "second")
    assert mended.verify() == again.verify() == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("findings", 0, "status"), "new", "findings[0].status: expected reopened, found new"),
        (("findings", 0, "reports"), 9, "findings[0].reports: expected 2, found 9"),
        (("findings", 0, "history"), [], "findings[0].history: expected 2 entries, found 0"),
        (("findings", 0, "history", 0, "affected"), 1, "findings[0].history[0].affected: expected 18, found 1"),
        (("findings", 0, "mark"), "muted", "findings[0].mark: expected , found muted"),
        (("findings", 0, "mark_reason"), "why not", "findings[0].mark_reason: expected , found why not"),
        (("findings", 0, "bound"), 0.01, "findings[0].bound: expected nothing, found 0.01"),
        (("previous_report_id",), "report", "previous_report_id: expected second, found report"),
    ],
)
def test_a_past_that_was_made_up_is_named(again: Evidence, path: Any, value: Any, said: str) -> None:
    """A failure that is called old, accepted or gone is one that nobody mends."""
    assert said in again.verify(changed(again.json, path, value))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("status", "persisting", "findings[0].status: expected resolved, found persisting"),
        ("bound", 0.001, "findings[0].bound: expected 0.075, found 0.001"),
        ("first_seen", "2023-01-01T00:00:00Z", "findings[0].first_seen: expected 2023-11-14"),
    ],
)
def test_a_resolution_that_was_made_up_is_named(mended: Evidence, name: str, value: Any, said: str) -> None:
    """The bound is the proof of the fix."""
    lines = mended.verify(changed(mended.json, ("findings", 0, name), value))

    assert any(line.startswith(said) for line in lines), lines


def test_a_finding_that_nobody_knew_and_nobody_sees_is_named(mended: Evidence) -> None:
    """A report could invent what it claims to have resolved."""
    edited = changed(mended.json, ("findings", 0, "fingerprint"), "feedfeedfeedfeed")

    said = "findings[0].status: nobody knew this finding before and the window does not show it"
    assert said in mended.verify(edited)


def two_faults() -> list[Any]:
    """Two tools that fail, one more often than the other."""
    spans = [make_span(number, name="step", error="ValueError: boom", trace_id=b"z" * 16) for number in range(1, 6)]
    return [*troubled(), one_trace(*spans)]


def test_muted_findings_are_told_last_and_leave_the_headline() -> None:
    """Whoever muted the worst one still wants to hear of the next."""
    before = looked(two_faults()).built.report
    assert len(before.findings) == 2
    known = [
        each.model_copy(update={"mark": "muted", "mark_reason": "known"} if at == 0 else {})
        for at, each in enumerate(register(before))
    ]
    after = looked(two_faults(), previous=before, register=known, report_id="second", run_id="second")
    report = after.built.report

    assert [finding.mark for finding in report.findings] == ["", "muted"]
    assert report.findings[1].fingerprint == before.findings[0].fingerprint
    assert report.findings[1].severity == before.findings[0].severity
    assert report.headline.startswith(report.findings[0].title)
    assert "more finding" not in report.headline
    assert after.verify() == []
    turned = changed(after.json, ("findings",), after.json["findings"][::-1])
    assert "findings[0].mark: is muted, but is not told after all others" in after.verify(turned)


def test_the_register_remembers_what_the_last_report_could_not_see(first: Report) -> None:
    """A run that could not look, or looked elsewhere, must not make everything new again."""
    empty = first.model_copy(update={"findings": (), "report_id": "blind"})
    known = [each.model_copy(update={"reports": 7}) for each in register(first)]
    report = looked(troubled(), previous=empty, register=known, report_id="third", run_id="third").built.report

    assert [(finding.status, finding.reports) for finding in report.findings] == [("persisting", 8)] * len(known)
    assert report.previous_report_id == "blind"


def test_a_look_back_carries_nothing_that_was_seen_since(first: Report) -> None:
    """The week before the failure began is no proof that it is gone."""
    later = [
        each.model_copy(update={"first_seen": NOW + timedelta(days=1), "last_seen": NOW + timedelta(days=2)})
        for each in register(first)
    ]
    traces = [paging(number, 0, 4) for number in range(20, 30)]

    assert looked(traces, register=later).built.report.findings == ()


def test_a_bundle_that_does_not_say_what_was_known_is_held_to_the_rest(again: Evidence) -> None:
    """Evidence outlives the version that wrote it; evidence that was spoilt is named."""
    older = {name: value for name, value in again.built.meta.items() if name != "known_findings"}
    spoilt = {**again.built.meta, "known_findings": "[]"}

    assert verify(again.json, again.facts, again.read_span, older) == []
    assert again.verify(meta=spoilt) == [
        "evidence.meta: known_findings: expected what was known of findings by fingerprint"
    ]
