"""Reports of real traces: the counts that were worked out from the files alone, and nothing that is not there."""

import copy
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.report import Finding, Report
from domain.spans import StoredTrace
from tests.analysis.changing import changed, checked_leaves, dotted, leaves, other
from tests.analysis.recorded import Evidence, evidence
from tests.analysis.stored import stored_file

TRAIL_AGENTS = 4


@pytest.fixture(scope="module")
def trail(shared_data: Path) -> list[StoredTrace]:
    return stored_file(shared_data / "traces" / "trail-dev.jsonl.xz")


@pytest.fixture(scope="module")
def medium_path(shared_data: Path) -> Path:
    return shared_data / "traces" / "halo" / "medium_traces.jsonl.gz"


@pytest.fixture(scope="module")
def medium(medium_path: Path) -> Evidence:
    return evidence(stored_file(medium_path))


@pytest.fixture(scope="module")
def all_four(trail: list[StoredTrace]) -> Evidence:
    return evidence(trail)


def by_service(traces: list[StoredTrace]) -> Iterator[tuple[str, list[StoredTrace]]]:
    for service in dict.fromkeys(trace.summary.service for trace in traces):
        yield service, [trace for trace in traces if trace.summary.service == service]


def about(findings: Sequence[Finding], subject: str) -> list[Finding]:
    return [finding for finding in findings if subject in finding.title]


def test_page_down_is_one_finding_at_the_top_with_its_counts_and_argument_split(all_four: Evidence) -> None:
    """Six detectors see it; a reader has one thing to mend."""
    findings = all_four.built.report.findings

    (found,) = about(findings, "page_down")
    assert found == findings[0]
    assert (found.detector, found.category, found.severity) == ("unusable_tool", "invalid_arguments", "critical")
    assert (found.counts.affected_spans, found.counts.opportunities, found.counts.affected_traces) == (63, 64, 13)
    assert {split.value: (split.affected, split.opportunities) for split in found.splits} == {
        '[""]': (45, 45),
        '["page_down"]': (11, 11),
        '["arguments"]': (7, 7),
        "[]": (0, 1),
    }
    assert {query.name for query in found.queries} >= {
        "unusable_tool",
        "error_signatures",
        "tool_error_rate",
        "invalid_arguments",
        "retry_storm",
        "unrecovered_error",
    }
    assert "page_down fails in 63 of 64 calls (98.4 %, 95 % CI 91.7–99.7 %), in 13 traces" in found.explanation
    assert found.acceptance_query == "error rate of page_down < 5 % over ≥ 50 calls"


def test_page_down_is_quoted_with_its_error_and_the_arguments_that_reproduce_it(all_four: Evidence) -> None:
    """The brief has to be enough to see the failure again."""
    (found,) = about(all_four.built.report.findings, "page_down")

    quotes = {item.field: item.quote for item in found.evidence}
    assert quotes["status.message"] == "TypeError: PageDownTool.forward() got an unexpected keyword argument ''"
    assert '"kwargs": {"": "' in quotes["attributes.input.value"]
    assert len({item.trace_id for item in found.evidence}) == 3


def test_the_frame_is_that_of_the_file(all_four: Evidence) -> None:
    """Wrappers repeat errors and tokens: 207 error spans are 116 errors, 11 million tokens are 6."""
    coverage = all_four.built.report.coverage

    assert (coverage.traces, coverage.spans) == (74, 2024)
    assert (coverage.error_spans, coverage.leaf_errors, coverage.input_tokens) == (207, 116, 6_225_039)
    assert len(all_four.built.report.agents) == TRAIL_AGENTS
    assert all_four.built.report.agent.name == "4 agents"
    assert sum(agent.leaf_errors for agent in all_four.built.report.agents) == 116


def test_every_agent_alone_is_reported_and_confirmed(trail: list[StoredTrace]) -> None:
    """Runs are made for one agent at a time; page_down is one of them's only."""
    reports = {service: evidence(traces) for service, traces in by_service(trail)}

    assert len(reports) == TRAIL_AGENTS
    assert all(each.verify() == [] for each in reports.values())
    assert sum(each.built.report.coverage.leaf_errors for each in reports.values()) == 116
    hits = {service: about(each.built.report.findings, "page_down") for service, each in reports.items()}
    assert [service for service, found in hits.items() if found] == ["gaia-annotation-samples/app:GAIA-Samples"]


def test_provider_crashes_are_the_providers_and_code_that_quotes_numbers_is_not(all_four: Evidence) -> None:
    """Keywords in quoted code once called two code errors a service failure."""
    signatures = [f for f in all_four.built.report.findings if f.detector == "error_signatures"]
    owners = {finding.title.partition("“")[2].partition(":")[0]: finding.owner for finding in signatures}

    assert owners["RateLimitError"] == owners["InternalServerError"] == "provider"
    assert "provider" not in {owner for name, owner in owners.items() if name.startswith("Agent")}


def test_the_errors_of_traces_over_several_services_are_exactly_two_findings(medium: Evidence) -> None:
    """43 and 86, over four services and four models."""
    found = {finding.queries[0].args.get("template"): finding for finding in medium.built.report.findings}

    assert set(found) == {"boom", "rate limited"}
    assert {name: each.counts.affected_spans for name, each in found.items()} == {"boom": 43, "rate limited": 86}
    assert {each.detector for each in found.values()} == {"error_signatures"}
    assert medium.built.report.coverage.outcome_source == "root_status"
    assert medium.built.report.coverage.failing_traces == 46


def test_content_that_was_not_recorded_is_named_and_no_finding(medium: Evidence) -> None:
    """1,412 answers would look empty."""
    blind = {each.detector: each.missing_fields for each in medium.built.report.coverage.not_observable}

    assert blind["empty_output"] == ("llm.output_messages.N.message.content | gen_ai.output.messages",)
    assert not [f for f in medium.built.report.findings if f.detector == "empty_output"]


def test_three_planted_empty_answers_are_found_exactly(medium_path: Path, tmp_path: Path) -> None:
    """The gate must open when content is recorded."""
    planted, answers = tmp_path / "planted.jsonl", 0
    with gzip.open(medium_path, "rt") as lines, planted.open("w") as out:
        for line in lines:
            span = json.loads(line)
            if span["attributes"]["openinference.span.kind"] == "LLM" and span["status"]["code"] == "STATUS_CODE_OK":
                answers += 1
                span["attributes"]["llm.output_messages.0.message.role"] = "assistant"
                text = "" if answers in (100, 700, 1300) else "fine"
                span["attributes"]["llm.output_messages.0.message.content"] = text
            out.write(json.dumps(span) + "\n")

    found = evidence(stored_file(planted))

    (empty,) = [finding for finding in found.built.report.findings if finding.detector == "empty_output"]
    assert (empty.counts.affected_spans, empty.counts.opportunities) == (3, answers)
    assert found.verify() == []


@pytest.mark.parametrize("name", ["tiny_traces", "realistic_traces", "openai-agents-demo"])
def test_small_files_are_reported_without_false_alarms(shared_data: Path, name: str) -> None:
    """Little is recorded in them; only errors can be found."""
    found = evidence(stored_file(shared_data / "traces" / "halo" / f"{name}.jsonl.gz"))

    assert {finding.detector for finding in found.built.report.findings} <= {"error_signatures"}
    assert found.verify() == []


def test_a_coding_agents_traces_show_the_blocked_and_the_invented_tool(shared_data: Path) -> None:
    """WebSearch is offered and never permitted; LS is asked for and does not exist."""
    report: Report = evidence(stored_file(shared_data / "traces" / "claude_code_coder.spans.jsonl.gz")).built.report
    found = {(each.detector, each.queries[0].args.get("tool")): each for each in report.findings}

    blocked = found["unusable_tool", "WebSearch"]
    assert (blocked.counts.affected_spans, blocked.counts.opportunities, blocked.owner) == (8, 8, "environment")
    assert found["hallucinated_tool", "LS"].counts.affected_spans == 5


def test_every_number_of_a_real_report_is_watched(all_four: Evidence, medium: Evidence) -> None:
    """All changed at once, each is named; and a sample one by one."""
    for report in (all_four, medium):
        assert report.verify() == []
        places = checked_leaves(report.json)
        edited: dict[str, Any] = copy.deepcopy(report.json)
        for path, value in places:
            edited = _set(edited, path, other(value))

        lines = report.verify(edited)

        unnamed = [dotted(path) for path, _ in places if not any(line.startswith(dotted(path) + ":") for line in lines)]
        assert unnamed == []
        print(f"{len(places)} numbers and quotes, all named")
        for path, value in places[:: len(places) // 12]:
            lines = report.verify(changed(report.json, path, other(value)))
            assert any(line.startswith(dotted(path) + ":") for line in lines)


def test_every_claim_of_a_real_report_is_watched(medium: Evidence) -> None:
    """A ledger that says other than the findings do is no ledger."""
    ledger = medium.json["claims"]["ledger"]
    assert len(ledger) > 5

    said = ("type", "text", "about", "found", "value", "quote", "verdict")
    places = [(path, value) for path, value in leaves(ledger, ("claims", "ledger")) if path[-1] in said]
    for path, value in places[::7]:
        turned = "wrong" if path[-1] == "verdict" else "absence" if path[-1] == "type" else other(value)
        assert medium.verify(changed(medium.json, path, turned)), dotted(path)


def _set(report: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    owner: Any = report
    for step in path[:-1]:
        owner = owner[step]
    owner[path[-1]] = value
    return report
