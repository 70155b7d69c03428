"""`halo verify` looks at everything a report says: also at what stands around its numbers, and at old findings."""

import copy
from typing import Any

import pytest

from analysis.sightings import finding_id
from analysis.verifying import verify
from tests.analysis.changing import changed
from tests.analysis.recorded import Evidence, evidence, paging, troubled
from tests.analysis.stored import one_trace
from tests.spans import make_span


@pytest.fixture(scope="module")
def found() -> Evidence:
    return evidence(troubled(), excluded_traces=3, dropped_spans=4)


@pytest.fixture(scope="module")
def several() -> Evidence:
    """A report with an open finding and one of the last report that is only rarely seen now."""
    first = evidence(troubled()).built.report
    mended = [*(paging(number, 0, 4) for number in range(20, 30)), paging(50, 1, 4)]
    return evidence(mended, previous=first, report_id="second", run_id="second")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("run_id",), "another"),
        (("report_id",), "another"),
        (("mode",), "model"),
        (("generated_at",), "2023-11-21T00:00:00Z"),
        (("window", "start"), "2023-11-02T00:00:00Z"),
        (("window", "end"), "2023-11-21T00:00:00Z"),
        (("agent", "uuid"), "9621441a-c2dc-56e5-91fb-0de4dc2210a8"),
        (("agent", "name"), "3 agents"),
        (("agent", "service"), "desk"),
        (("notes", 0), "2 traces had not completed when the window was read."),
        (("claims", "confirmed"), 57),
        (("spend", "input_tokens"), 1),
        (("findings", 0, "confidence"), "low"),
        (("findings", 0, "baseline"), 0.5),
        (("findings", 0, "status"), "resolved"),
    ],
)
def test_what_stands_around_the_numbers_is_checked_too(found: Evidence, path: Any, value: Any) -> None:
    """A true number under a false window, run or status misleads as well as a false one."""
    named = ".".join(f"findings[{step}]" if step == 0 and path[0] == "findings" else str(step) for step in path)
    named = named.replace("findings.findings[0]", "findings[0]").replace("notes.0", "notes[0]")

    lines = found.verify(changed(found.json, path, value))

    assert any(line.startswith(f"{named}: ") for line in lines), lines


def test_evidence_that_was_taken_out_or_belongs_to_another_finding_is_named(found: Evidence) -> None:
    """A quote that is true of some other span proves nothing about this finding."""
    none = found.verify(changed(found.json, ("findings", 0, "evidence"), []))
    turned = found.verify(changed(found.json, ("findings", 0, "evidence"), found.json["findings"][0]["evidence"][::-1]))

    assert none == ["findings[0].evidence: expected 4 entries, found 0", "waterfalls: expected 0 entries, found 1"]
    assert any(line.startswith("findings[0].evidence[0].") for line in turned)


def test_a_quote_that_was_cut_is_named(found: Evidence) -> None:
    """A part of an error can say the opposite of all of it."""
    lines = found.verify(changed(found.json, ("findings", 0, "evidence", 0, "quote"), "TypeError"))

    assert lines == ["findings[0].evidence[0].start_byte: the quote does not stand at bytes 0 to 60"]


def test_queries_that_were_taken_out_are_named(found: Evidence) -> None:
    """What else was seen of a failure is part of what was found."""
    edited = copy.deepcopy(found.json)
    del edited["findings"][0]["queries"][1:]

    assert found.verify(edited) == ["findings[0].queries: expected 8 entries, found 1"]


def test_an_invented_finding_can_say_no_more_than_that_something_is_rare(found: Evidence) -> None:
    """Its query may be true; its words are nobody's."""
    edited = copy.deepcopy(found.json)
    lie = {"fingerprint": "feedfeedfeedfeed", "title": "500 of 500 calls fail", "explanation": "All fail."}
    invented = {**copy.deepcopy(edited["findings"][0]), **lie, "id": finding_id("report", "feedfeedfeedfeed")}
    edited["findings"].insert(0, invented)

    lines = found.verify(edited)

    for start in (
        "findings[0].title: ",
        "findings[0].severity: ",
        "findings[0].explanation: ",
        "findings[0].evidence: ",
    ):
        assert any(line.startswith(start) for line in lines), lines
    assert any(
        line.startswith("findings: expected 25b434b6607d49fc at place 1 by impact, found feed") for line in lines
    )


def test_a_finding_that_is_told_twice_is_named(found: Evidence) -> None:
    """The second telling could use other words."""
    edited = copy.deepcopy(found.json)
    edited["findings"].append(copy.deepcopy(edited["findings"][0]))

    lines = found.verify(edited)

    assert "findings[1].fingerprint: 25b434b6607d49fc is told before, at findings[0]" in lines


def test_an_old_finding_that_is_only_rarely_seen_is_confirmed(several: Evidence) -> None:
    """Its times and its id are those of this report, or an honest report would be called a false one."""
    old = several.built.report.findings[1]

    assert several.verify() == []
    assert old.title == "Rarely seen now: next_page fails in 18 of 29 calls"
    assert old.id == finding_id("second", old.fingerprint)
    assert old.counts.affected_spans == 1


def test_findings_in_another_order_are_named(several: Evidence) -> None:
    """The order says what to mend first."""
    edited = changed(several.json, ("findings",), several.json["findings"][::-1])

    assert any(line.startswith("findings: expected ") and " by impact, " in line for line in several.verify(edited))


def test_the_original_ids_of_a_file_are_cited_and_confirmed() -> None:
    """People look for the ids that they know; changed ones lead them nowhere."""
    sources = {"halo.source.trace_id": "run-7", "halo.source.span_id": "step-1"}
    span = make_span(1, sources, name="step", error="ValueError: boom")
    others = [make_span(number, sources, name="step", error="ValueError: boom") for number in range(2, 6)]
    told = evidence([one_trace(span, *others)])
    item = told.json["findings"][0]["evidence"][0]

    assert (item["source_trace_id"], item["source_span_id"]) == ("run-7", "step-1")
    assert told.verify() == []
    for name, line in (("source_trace_id", "run-7"), ("source_span_id", "step-1")):
        lines = told.verify(changed(told.json, ("findings", 0, "evidence", 0, name), "other"))
        assert f"findings[0].evidence[0].{name}: expected {line}, found other" in lines


def test_a_bundle_of_an_earlier_version_without_the_newer_meta_is_still_read(found: Evidence) -> None:
    """Evidence outlives the version that wrote it."""
    old = {name: found.built.meta[name] for name in ("excluded_traces", "dropped_spans", "detectors")}

    assert verify(found.json, found.facts, found.read_span, old) == []
    assert found.verify(meta={**found.built.meta, "window_start": "soon"}) == [
        "evidence.meta: Invalid isoformat string: 'soon'"
    ]


def test_a_report_of_another_version_is_held_to_its_numbers_and_quotes_alone(found: Evidence) -> None:
    """Another version words the same numbers differently; that must not make kept reports look forged."""
    older = {**found.built.meta, "halo_version": "0.0.1"}
    reworded = changed(found.json, ("findings", 0, "title"), "said otherwise")
    recounted = changed(found.json, ("findings", 0, "counts", "affected_spans"), 4711)

    assert verify(reworded, found.facts, found.read_span, older) == []
    assert verify(reworded, found.facts, found.read_span, found.built.meta) != []
    assert any("counts.affected_spans" in line for line in verify(recounted, found.facts, found.read_span, older))
