"""`halo verify` confirms a true report and names every place in which a changed one lies."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from analysis.facts import FactWindow
from analysis.looking import shipped_detectors
from analysis.packing import unpacked
from analysis.verifying import verify
from domain.report import Report
from domain.spans import StoredSpan
from tests.analysis.changing import changed, checked_leaves, dotted, other
from tests.analysis.recorded import Evidence, evidence, paging, troubled


@pytest.fixture(scope="module")
def found() -> Evidence:
    return evidence(troubled(), excluded_traces=3, dropped_spans=4)


def test_a_true_report_is_confirmed(found: Evidence) -> None:
    """Otherwise nobody would look at its complaints."""
    assert found.verify() == []
    assert found.verify(found.built.report) == []
    assert found.verify(Report.model_validate(found.json)) == []


def test_every_changed_number_and_quote_is_named_where_it_stands(found: Evidence) -> None:
    """One digit at a time, all of them."""
    places = checked_leaves(found.json)

    assert len(places) > 100
    for path, value in places:
        lines = found.verify(changed(found.json, path, other(value)))
        assert any(line.startswith(dotted(path) + ":") for line in lines), (dotted(path), lines)


@pytest.mark.parametrize(
    "name",
    [
        "title",
        "explanation",
        "fix",
        "acceptance_query",
        "category",
        "owner",
        "severity",
        "last_seen",
        "first_seen",
        "id",
    ],
)
def test_words_and_times_are_checked_as_numbers_are(found: Evidence, name: str) -> None:
    """An explanation says numbers too, and it is what people read."""
    lies = {
        "owner": "model",
        "severity": "low",
        "last_seen": "2020-01-01T00:00:00Z",
        "first_seen": "2020-01-01T00:00:00Z",
    }
    value = lies.get(name, other(found.json["findings"][0][name]))

    lines = found.verify(changed(found.json, ("findings", 0, name), value))

    assert any(line.startswith(f"findings[0].{name}: expected ") for line in lines)


def test_the_headline_and_the_narrative_must_follow_from_the_findings(found: Evidence) -> None:
    """They are what is posted to a channel."""
    for name in ("headline", "narrative_md"):
        lines = found.verify(changed(found.json, (name,), "All is well."))
        assert [line.partition(":")[0] for line in lines] == [name]


def test_a_mismatch_says_what_was_expected_and_what_was_found(found: Evidence) -> None:
    """One line that a person can act on."""
    (line,) = found.verify(changed(found.json, ("findings", 0, "counts", "rate"), 0.5))

    assert line == "findings[0].counts.rate: expected 0.62069, found 0.5"


def test_a_finding_that_was_taken_out_is_missed(found: Evidence) -> None:
    """A report can also lie by silence."""
    edited = copy.deepcopy(found.json)
    taken = edited["findings"].pop(0)

    lines = found.verify(edited)

    assert f"findings: {taken['fingerprint']} ({taken['title']}) is missing" in lines
    assert any(line.startswith("coverage.explained_failing_traces: ") for line in lines)


def test_the_numbers_of_an_added_finding_are_recomputed_too(found: Evidence) -> None:
    """An invented finding has to stand on the same facts."""
    edited = copy.deepcopy(found.json)
    edited["findings"].append({**copy.deepcopy(edited["findings"][0]), "fingerprint": "feedfeedfeedfeed"})
    edited["findings"][-1]["counts"]["affected_spans"] = 19

    lines = found.verify(edited)

    assert "findings[1].counts.affected_spans: expected 18, found 19" in lines


def test_a_split_that_was_taken_out_or_added_is_named(found: Evidence) -> None:
    """The one call that works is what the fix rests on."""
    edited = copy.deepcopy(found.json)
    edited["findings"][0]["splits"].pop(0)

    assert any(line.startswith("findings[0].splits: expected ") for line in found.verify(edited))


def test_a_query_must_be_one_that_can_be_asked(found: Evidence) -> None:
    """And the first one must be the finding's own."""
    for query, said in (
        ({"name": "no_such", "args": {}, "expect": {}}, "there is no detector 'no_such'"),
        ({"name": "os.path", "args": {}, "expect": {}}, "there is no detector 'os.path'"),
        ({"name": "unusable_tool", "args": {}, "expect": {}}, "cannot be recomputed from its arguments (KeyError"),
    ):
        lines = found.verify(changed(found.json, ("findings", 0, "queries", 0), query))
        assert any(said in line for line in lines), lines
    lines = found.verify(changed(found.json, ("findings", 0, "detector"), "retry_storm"))
    assert "findings[0].queries[0].name: expected 'retry_storm', found 'unusable_tool'" in lines
    assert "findings[0].queries: expected at least one query, found none" in found.verify(
        changed(found.json, ("findings", 0, "queries"), [])
    )


def test_a_report_cannot_make_verification_import_what_it_names(found: Evidence) -> None:
    """A report is somebody's file; a detector's name in it must not run code."""
    edited = changed(found.json, ("findings", 0, "queries", 0, "name"), "tests.analysis.explosive")
    meta = {**found.built.meta, "detectors": '{"tests.analysis.explosive": {}}'}

    lines = found.verify(edited, meta)

    assert "findings[0].queries[0]: there is no detector 'tests.analysis.explosive'" in lines


@pytest.mark.parametrize(
    ("report", "line"),
    [
        ({}, "schema"),
        ([], "report: not a report"),
        ({"findings": "none"}, "not a report"),
    ],
)
def test_what_is_no_report_gives_one_clear_line(found: Evidence, report: Any, line: str) -> None:
    """Files get edited by hand."""
    lines = found.verify(report)

    assert len(lines) == 1
    assert "not a report" in lines[0]
    assert line in lines[0] or "report_id" in lines[0]


def test_a_damaged_report_names_the_place_of_the_damage(found: Evidence) -> None:
    """So that it can be put right."""
    (line,) = found.verify(changed(found.json, ("findings", 0, "counts", "rate"), "much"))

    assert line.startswith("findings[0].counts.rate: not a report: input should be a valid number")


def test_a_bundle_without_its_meta_says_so(found: Evidence) -> None:
    """Excluded traces cannot be seen in the facts of the others."""
    (line,) = found.verify(meta={})
    assert line == "evidence.meta: excluded_traces is missing, so the coverage cannot be recomputed"
    (line,) = found.verify(meta={**found.built.meta, "dropped_spans": "many"})
    assert line.startswith("evidence.meta: ")


def test_frozen_facts_that_were_changed_are_caught_by_the_cited_bytes(found: Evidence) -> None:
    """Rows and report could be forged together; the bytes are what arrived."""
    ref = next(iter(found.cited))
    traces = tuple(
        replace(
            trace,
            spans=tuple(replace(unpacked(span), tool="other") if span.ref == ref else span for span in trace.spans),
        )
        for trace in found.facts.traces
    )

    lines = verify(found.json, FactWindow.of(traces), found.read_span, found.built.meta)

    assert f"facts[{ref[0]}/{ref[1]}].tool: expected 'next_page' (from the span's bytes), found 'other'" in lines


def test_cited_spans_that_are_missing_or_others_are_named(found: Evidence) -> None:
    """A quote without its span is hearsay."""
    gone = verify(found.json, found.facts, lambda trace_id, span_id: None, found.built.meta)
    assert len(gone) == sum(len(finding["evidence"]) for finding in found.json["findings"])
    assert gone[0].startswith("findings[0].evidence[0].span_id: span ")

    def wrong(trace_id: str, span_id: str) -> StoredSpan | None:
        return next(iter(found.cited.values()))

    edited = changed(found.json, ("findings", 0, "evidence", 0, "field"), "attributes.no.such")
    lines = verify(edited, found.facts, wrong, found.built.meta)
    assert "findings[0].evidence[0].field: the span has no field 'attributes.no.such'" in lines


def test_an_empty_quote_proves_nothing(found: Evidence) -> None:
    """It is a substring of everything."""
    lines = found.verify(changed(found.json, ("findings", 0, "evidence", 0, "quote"), ""))

    assert any(line.startswith("findings[0].evidence[0].quote: ") for line in lines)


def test_a_report_with_old_findings_and_own_settings_is_confirmed() -> None:
    """Resolved findings have numbers too, and thresholds come with the bundle."""
    first = evidence(troubled()).built.report
    mended = [paging(number, 0, 4) for number in range(20, 30)]

    after = evidence(mended, previous=first, detectors={"retry_storm": {"enabled": False}})

    assert [finding.status for finding in after.built.report.findings] == ["resolved"]
    assert after.verify() == []
    lines = after.verify(changed(after.json, ("findings", 0, "counts", "opportunities"), 41))
    assert lines == ["findings[0].counts.opportunities: expected 40, found 41"]
    assert set(shipped_detectors()) >= {"retry_storm"}


def test_a_ledger_that_was_made_to_look_better_is_named(found: Evidence) -> None:
    """A verdict that anyone could write would be worth nothing."""
    ledger = found.json["claims"]["ledger"]
    assert ledger[0]["verdict"] == "confirmed" and found.json["claims"]["confirmed"] == len(ledger)

    forged = found.verify(changed(found.json, ("claims", "ledger", 0, "claim", "value"), 0.5))
    fewer = found.verify(changed(found.json, ("claims", "ledger"), ledger[:-1]))
    more = found.verify(changed(found.json, ("claims", "confirmed"), 1_000))

    assert "claims.ledger[0].verdict: expected wrong, found confirmed" in forged
    assert f"claims.ledger: expected {len(ledger)} entries, found {len(ledger) - 1}" in fewer
    assert f"claims.confirmed: expected {len(ledger)}, found 1000" in more
