"""A report of recorded traces, and the evidence that goes with it."""

from datetime import timedelta

from analysis.fact_rows import fact_columns
from domain.report import AgentRef
from domain.spans import StoredTrace
from tests.analysis.recorded import NOBODY, NOW, WINDOW, evidence, paging, report_of, troubled


def test_a_report_names_the_failure_and_frames_it() -> None:
    """The first lines are all that many readers read."""
    report = report_of(troubled())

    first = report.findings[0]
    assert report.headline == "next_page fails in 18 of 29 calls, in 6 of 12 traces."
    assert (first.detector, first.severity, first.owner) == ("unusable_tool", "critical", "tool")
    assert {
        (split.value, split.affected, split.opportunities) for split in first.splits if split.by == "argument_keys"
    } == {
        ('[""]', 18, 18),
        ("[]", 0, 11),
    }
    assert report.coverage.outcome_source == "root_status+structural"
    assert (report.coverage.failing_traces, report.coverage.explained_failing_traces) == (6, 6)
    assert [(share.agent.name, share.traces, share.findings) for share in report.agents] == [
        ("clerk", 10, len(report.findings)),
        ("porter", 2, 0),
    ]
    assert report.agent.name == "2 agents"
    assert report.spend.seconds == 0.25


def test_what_is_cited_comes_with_its_bytes_its_resource_and_its_scope() -> None:
    """Without the envelope nobody could tell whose span it was."""
    found = evidence(troubled())

    quoted = {(item.trace_id, item.span_id) for finding in found.built.report.findings for item in finding.evidence}
    assert set(found.cited) == quoted
    originals = {(each.trace_id, each.span_id): each for trace in troubled() for each in trace.spans}
    for ref, stored in found.cited.items():
        assert stored.raw == originals[ref].raw
        assert stored.resource == originals[ref].resource
    assert found.built.columns == fact_columns()
    assert sum(len(trace.spans) for trace in found.facts.traces) == found.built.report.coverage.spans


def test_the_same_traces_give_the_same_report_in_any_order() -> None:
    """Reports are compared with each other; chance must have no part in them."""
    one, other = report_of(troubled()), report_of(list(reversed(troubled())))

    assert one == other


def test_a_report_of_one_agent_keeps_the_agent_it_was_asked_for() -> None:
    """A nested agent's report must not turn into its caller's."""
    asked = AgentRef(uuid="u", name="inner", service="shop")

    assert report_of([paging(1, 3)], agent=asked).agent == asked
    assert report_of([paging(1, 3)], agent=NOBODY).agent.name == "clerk"
    assert report_of([paging(1, 3)]).agents == ()


def test_no_traces_make_a_report_that_says_so() -> None:
    """Silence is not health."""
    found = evidence([])

    assert found.built.report.headline == "No traces in this window, so nothing can be said."
    assert found.built.report.findings == ()
    assert found.verify() == []


def test_what_was_left_out_is_counted_and_noted() -> None:
    """A report that hides its gaps claims more than it knows."""
    report = report_of([paging(1, 3)], excluded_traces=2, dropped_spans=1)

    assert (report.coverage.excluded_traces, report.coverage.dropped_spans) == (2, 1)
    assert report.notes == (
        "2 traces had not completed when the window was read.",
        "1 span of this window had been dropped by retention before it was read.",
    )


def test_one_trace_that_cannot_be_read_does_not_cost_the_others() -> None:
    """What came over the wire may be stranger than anything foreseen."""
    odd = StoredTrace(None, ())  # type: ignore[arg-type]

    report = report_of([paging(1, 3), odd])

    assert (report.coverage.traces, report.coverage.excluded_traces) == (1, 1)
    assert report.notes == ("1 trace could not be read and was left out.",)


def test_the_next_report_knows_the_last_one() -> None:
    """Age and change are half of what a finding says."""
    first = report_of(troubled())
    mended = [paging(number, 0, 4) for number in range(20, 30)]

    again = report_of(troubled(), previous=first, report_id="next", generated_at=NOW + timedelta(days=1))
    after = report_of(mended, previous=first, report_id="later", window=WINDOW)

    assert [finding.status for finding in again.findings] == ["persisting"] * len(first.findings)
    assert [finding.fingerprint for finding in again.findings] == [finding.fingerprint for finding in first.findings]
    assert {finding.id for finding in again.findings}.isdisjoint(finding.id for finding in first.findings)
    assert [finding.status for finding in after.findings] == ["resolved"] * len(first.findings)
    assert after.headline.startswith("Nothing systemic was found")


def test_settings_reach_the_detectors() -> None:
    """A threshold in halo.yaml that is not applied is worse than none."""
    quiet = {"unusable_tool": {"enabled": False}, "tool_error_rate": {"min_failures": 100}}

    assert report_of(troubled(), detectors=quiet).findings[0].detector == "invalid_arguments"
