"""Contrast: what failing traces have more often, told only where strata, exposure and all tests together bear it."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.contrasting import contrasts
from analysis.detecting import Candidate, Measure
from analysis.extraction import trace_facts
from analysis.facts import FactWindow
from analysis.looking import Seen, look
from analysis.merging import merge
from analysis.observability import missing
from analysis.trace_properties import CONSEQUENCES, KINDS, Property
from domain.report import Scalar
from domain.spans import StoredTrace
from tests.analysis.asking import detector, none, only, split
from tests.analysis.building import Run, window
from tests.analysis.judging import judged, runs
from tests.analysis.recorded import evidence
from tests.analysis.stored import stored_file

ODDS = {"few_calls": None, "no_final_answer": 8.552, "never_returned": 7.516, "KillShell": 9.19, "BashOutput": 4.994}
"""Of a coding agent's 306 judged runs in four versions, as an independent computation gave them."""


def test_a_tool_that_failing_runs_use_is_told_with_its_counts_and_strata() -> None:
    """Everything a reader needs to judge it: both groups, the difference, the ratio, the test, the strata."""
    facts = runs((18, 2, ("kill",), "1"), (10, 30, (), "1"), (9, 1, ("kill",), "2"), (10, 30, (), "2"))
    candidate, measure = only("contrast", facts)
    figures = dict(measure.figures)

    assert candidate.args == {"property": "uses_tool", "value": "kill"}
    assert (len(measure.affected), measure.opportunities) == (27, 30)
    assert split(measure, "stratum") == {
        "1, with": (18, 20),
        "1, without": (10, 40),
        "2, with": (9, 10),
        "2, without": (10, 40),
    }
    assert (figures["others"], figures["others_failing"], figures["strata"]) == (80, 20, 2)
    assert figures["odds_ratio"] == pytest.approx(27.0)
    assert figures["difference"] == pytest.approx(0.65)
    assert (candidate.severity, candidate.explains_failures) == ("medium", True)
    assert "Of 30 traces that use the tool “kill”, 27 fail (90.0 %" in candidate.explanation
    assert "of the 80 others in the same strata 20 (25.0 %)" in candidate.explanation
    assert "stratified over 2 strata" in candidate.explanation
    assert candidate.acceptance.startswith("traces that use the tool “kill” fail no more often")


def test_one_version_is_tested_exactly() -> None:
    """Fisher's test, and it says so."""
    candidate, _ = only("contrast", runs((9, 1, ("kill",), "1"), (10, 30, (), "1")))

    assert "Fisher's exact test" in candidate.explanation


def test_what_only_versions_explain_is_not_told() -> None:
    """A version that dies more often also uses another tool: pooled it looks decisive, in versions it is nothing."""
    facts = runs((24, 6, ("kill",), "1"), (8, 2, (), "1"), (2, 8, ("kill",), "2"), (8, 32, (), "2"))
    found = contrasts(facts, 5)[Property("uses_tool", "kill")]

    assert none("contrast", facts)
    assert found.crude.with_failing / found.crude.exposed > 2 * found.crude.without_failing / found.crude.others
    assert found.association.difference == pytest.approx(0.0)


def test_a_pooled_sign_that_differs_from_that_in_strata_is_warned_of() -> None:
    """Simpson's paradox: pooled the tool looks protective, in each version it is harmful."""
    facts = runs((18, 42, ("kill",), "1"), (0, 20, (), "1"), (12, 0, ("kill",), "2"), (56, 28, (), "2"))
    candidate, _ = only("contrast", facts)

    assert "Simpson's paradox" in candidate.explanation


def test_what_failing_runs_have_less_often_is_not_told_but_counted_among_the_tests() -> None:
    """Protective is no finding; and a test that was made counts, whatever came of it."""
    facts = runs((2, 18, ("check",), "1"), (30, 10, (), "1"))

    assert none("contrast", facts)
    assert min(detector("contrast").p_values(facts)) < 0.001
    assert detector("contrast").comparisons(facts) == len(detector("contrast").p_values(facts)) > 0


def test_tasks_that_are_shared_make_the_strata() -> None:
    """Hard tasks need the tool and fail; within a task it makes no difference."""
    found = []
    for at in range(84):
        is_hard, uses = at % 2 == 0, at % 4 == 0 or at % 12 == 1
        run = Run(at, version="1")
        run.call("kill" if uses else "look", value=str(at))
        run.change(run.root, task="hard" if is_hard else "easy", output_chars=9)
        found.append(judged(run, is_hard == (at % 7 == 0)))
    facts = window(*found)

    assert split(detector("contrast").measure(facts, {"property": "uses_tool", "value": "kill"}), "stratum").keys() == {
        "1 · easy, with",
        "1 · easy, without",
        "1 · hard, with",
        "1 · hard, without",
    }
    assert none("contrast", facts)


def test_fewer_than_five_on_either_side_say_nothing() -> None:
    """Four of four would be significant and worth nothing."""
    assert none("contrast", runs((4, 0, ("kill",), "1"), (5, 95, (), "1")))
    assert not none("contrast", runs((5, 0, ("kill",), "1"), (5, 95, (), "1")))


def test_nothing_is_told_where_outcomes_are_not_known_or_all_alike() -> None:
    """Structure says failed where an error was: that errors go with failing would be said in a circle."""
    facts = runs((20, 0, ("kill",), "1"), (20, 0, (), "1"))
    unjudged = [Run(at) for at in range(40)]
    for run in unjudged[:20]:
        run.call("kill", error="boom")
    for run in unjudged[20:]:
        run.call("look")

    assert none("contrast", facts)
    assert none("contrast", window(*unjudged))


def test_an_error_is_not_told_where_only_root_statuses_state_outcomes() -> None:
    """The error below the root is why the root has its status."""
    found = [Run(at) for at in range(40)]
    for run in found[:15]:
        run.call("kill", error="boom")
        run.fail()
    for run in found[15:]:
        run.call("kill")

    assert none("contrast", window(*found))
    assert not none("contrast", window(*(judged(run, at >= 15) for at, run in enumerate(found))))


def test_repetition_is_compared_among_runs_of_comparable_length() -> None:
    """Short runs cannot repeat anything: that they fail does not make repetition protective, nor the reverse."""
    found = []
    for at in range(60):
        run = Run(at)
        is_short = at < 30
        for number in range(2 if is_short else 9):
            run.call("look", value="same" if at % 2 and number < 3 and not is_short else f"{at} {number}")
        run.change(run.root, output_chars=9)
        found.append(judged(run, at % 5 == 0 if is_short else at % 4 < 2))
    contrast = contrasts(window(*found), 5)[Property("repeats_call")]

    assert contrast.crude.total == 30
    assert contrast.association.p_value > 0.5


def test_endings_are_consequences_that_explain_no_failure() -> None:
    """A run that died early made few calls; that is how it failed."""
    facts = runs((20, 0, ("",), "1"), (10, 40, (), "1"))
    told = {str(each.args["property"]): each for each in detector("contrast").find(facts)}

    assert told.keys() == {"few_calls", "no_tool_call"}
    assert {(each.category, each.severity, each.explains_failures) for each in told.values()} == {
        ("consequence_of_failure", "low", False)
    }
    assert KINDS >= CONSEQUENCES


def test_a_tool_can_only_fail_where_it_is_called() -> None:
    """Failing calls are contrasted with good calls of the same tool, not with runs that never use it."""
    found = []
    for at in range(60):
        run = Run(at)
        run.call("look", value=str(at), error="boom" if at < 10 else "")
        if at >= 30:
            run = Run(at)
            run.call("other", value=str(at))
        found.append(judged(run, at >= 15))
    contrast = contrasts(window(*found), 5)[Property("tool_failed", "look")]

    assert contrast.crude.total == 30


def test_the_strongest_few_are_told_and_the_rest_left_to_them() -> None:
    """Twelve tools that come together are one thing; nobody reads twelve findings."""
    tools = tuple(f"tool{at}" for at in range(12))
    facts = runs((20, 0, tools, "1"), (5, 45, (), "1"))

    assert len(list(detector("contrast").find(facts))) == 8


def test_an_association_of_a_tool_that_never_works_is_part_of_that_story() -> None:
    """A reader has one thing to mend, and learns what it costs in failing runs."""
    found = []
    for at in range(40):
        run = Run(at)
        run.call("bad" if at < 15 else "look", value=str(at), error="boom" if at < 15 else "")
        run.call("look", value="last")
        run.ask()
        found.append(judged(run, at >= 13))
    seen = look(window(*found), {name: detector(name) for name in ("contrast", "unusable_tool")}, missing).seen
    (story,) = merge(seen)

    assert story.lead.candidate.detector == "unusable_tool"
    assert {each.candidate.detector for each in story.absorbed} == {"contrast"}


@pytest.fixture(scope="module")
def recorded(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[StoredTrace]:
    """The coding agent's runs with the verdict of their unit tests as an evaluation event on each root."""
    labels = json.loads((shared_data / "traces" / "claude_code.labels.json").read_text())
    resolved = {label["trace_id"]: label["is_resolved"] for label in labels}
    directory = tmp_path_factory.mktemp("judged")
    traces = []
    for path in sorted((shared_data / "traces").glob("claude_code_*.spans.jsonl.gz")):
        with gzip.open(path, "rt") as lines, (directory / f"{path.name}.jsonl").open("w") as out:
            for line in lines:
                out.write(_judged_line(line, resolved) + "\n")
        traces += stored_file(directory / f"{path.name}.jsonl")
    return traces


@pytest.fixture(scope="module")
def coding(recorded: list[StoredTrace]) -> FactWindow:
    """Their facts."""
    return FactWindow.of(trace_facts(trace) for trace in recorded)


def _judged_line(line: str, resolved: Mapping[str, bool | None]) -> str:
    span = json.loads(line)
    passed = resolved[span["trace_id"]]
    if not span["parent_span_id"] and passed is not None:
        said = {
            "gen_ai.evaluation.name": "resolved",
            "gen_ai.evaluation.score.label": "pass" if passed else "fail",
        }
        event = {"name": "gen_ai.evaluation.result", "timestamp": span["end_time"], "attributes": said}
        span["events"] = [*span.get("events", ()), event]
    return json.dumps(span)


@pytest.fixture(scope="module")
def told(coding: FactWindow) -> Mapping[str, tuple[Candidate, Measure]]:
    """By property (of tools, the tool) what stands after all tests of the detector."""
    looked = look(coding, {"contrast": detector("contrast")}, missing)
    assert looked.notes == ()
    return {_about(seen): (seen.candidate, seen.measure) for seen in looked.seen}


def _about(seen: Seen) -> str:
    args: Mapping[str, Scalar] = seen.candidate.args
    return str(args["value"] or args["property"])


def test_a_coding_agents_runs_show_the_stratified_associations_and_no_others(
    told: Mapping[str, tuple[Candidate, Measure]],
) -> None:
    """Worked out before by another program; without strata a dozen more would look significant."""
    ratios = {name: dict(measure.figures)["odds_ratio"] for name, (_, measure) in told.items()}

    assert {name: ratios[name] for name in ODDS} == {
        name: value if value is None else pytest.approx(value) for name, value in ODDS.items()
    }
    assert {told[name][0].category for name in told.keys() - ODDS.keys()} <= {"consequence_of_failure"}
    counts = {name: (len(measure.affected), measure.opportunities) for name, (_, measure) in told.items()}
    assert counts["few_calls"] == (63, 63)
    assert counts["no_final_answer"] == (26, 28)
    assert counts["never_returned"] == (23, 25)
    assert counts["KillShell"] == (27, 29)
    assert counts["BashOutput"] == (39, 44)


def test_a_coding_agents_repetition_is_not_told_as_protective(
    coding: FactWindow, told: Mapping[str, tuple[Candidate, Measure]]
) -> None:
    """Pooled over versions 66 % of the repeating runs fail and 86 % of the others: one version dies too early to."""
    assert "repeats_call" not in told
    assert contrasts(coding, 5)[Property("repeats_call")].association.p_value > 0.5


def test_a_coding_agents_version_that_calls_no_tools_is_found(coding: FactWindow) -> None:
    """47 of its 79 runs, 46 of them judged; one of 78 in the version before."""
    found = {str(each.args["metric"]): each for each in detector("version_regression").find(coding)}
    measure = detector("version_regression").measure(coding, found["no_tool_call"].args)

    assert (len(measure.affected), measure.opportunities) == (47, 79)
    assert split(measure, "version") == {"claude_code_c4": (1, 78), "claude_code_v3": (47, 79)}
    assert dict(measure.figures)["paired_tasks"] >= 70  # type: ignore[operator]


def test_a_report_of_judged_runs_is_recomputed_from_its_evidence(recorded: list[StoredTrace]) -> None:
    """Odds ratios, p-values by permutation, bootstrap intervals: all of them come out again."""
    report = evidence(recorded)
    found = {finding.detector for finding in report.built.report.findings}

    assert report.verify() == []
    assert found >= {"contrast", "version_regression"}
    assert report.built.report.coverage.outcome_source == "evaluation"
    assert report.built.report.coverage.stated_outcomes == 306
    assert report.built.report.coverage.failing_traces == 223


def test_without_verdicts_the_same_runs_give_no_contrast(coding: FactWindow) -> None:
    """No root of them has a status that says anything."""
    silent = FactWindow.of(
        replace(trace, spans=tuple(replace(span, verdicts=()) for span in trace.spans)) for trace in coding.traces
    )

    assert none("contrast", silent)
