"""What the detectors count in real traces is what a script counts that shares no line with them.

The script is scripts/independent_counts.py: a few lines over the JSON of each file, without facts, index or issuer.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.report import Finding, Report
from independent_counts import (
    VARIANTS,
    Span,
    denied,
    failed,
    leaf_errors,
    page_down,
    provider_crashes,
    runs_without_tools,
    spans_of,
)
from tests.analysis.recorded import evidence
from tests.analysis.stored import stored_file


@pytest.fixture(scope="module")
def traces(shared_data: Path) -> Path:
    return shared_data / "traces"


@pytest.fixture(scope="module")
def trail_lines(traces: Path) -> list[Span]:
    return spans_of(traces / "trail-dev.jsonl.xz")


@pytest.fixture(scope="module")
def trail(traces: Path) -> Report:
    return evidence(stored_file(traces / "trail-dev.jsonl.xz")).built.report


@pytest.fixture(scope="module")
def variant_files(traces: Path) -> dict[str, Path]:
    return {variant: traces / f"claude_code_{variant}.spans.jsonl.gz" for variant in VARIANTS}


@pytest.fixture(scope="module")
def claude_code(variant_files: dict[str, Path]) -> Report:
    return evidence([trace for path in variant_files.values() for trace in stored_file(path)]).built.report


def by_detector(report: Report, *names: str) -> Sequence[Finding]:
    return [finding for finding in report.findings if {query.name for query in finding.queries} & set(names)]


def test_errors_and_leaf_errors_of_trail_agree(trail: Report, trail_lines: list[Span]) -> None:
    """Frameworks raise one failure through every span above it: counting them all inflates every rate."""
    coverage = trail.coverage

    assert coverage.spans == len(trail_lines) == 2024
    assert coverage.error_spans == sum(map(failed, trail_lines)) == 207
    assert coverage.leaf_errors == len(leaf_errors(trail_lines)) == 116


def test_page_down_agrees_in_calls_traces_and_arguments(trail: Report, trail_lines: list[Span]) -> None:
    """The one line that covers most of what these traces suffer from."""
    told = page_down(trail_lines)
    (finding,) = [each for each in trail.findings if "page_down" in each.title]
    keys = [split for split in finding.splits if split.by == "argument_keys"]

    assert (told["failed"], told["calls"], told["traces"]) == (63, 64, 13)
    assert finding.counts.affected_spans == told["failed"]
    assert finding.counts.opportunities == told["calls"]
    assert finding.counts.affected_traces == told["traces"]
    assert sum(split.opportunities for split in keys if split.value != "[]") == told["with_arguments"]
    assert sum(split.affected for split in keys if split.value != "[]") == told["with_arguments_failed"]
    assert sum(split.affected for split in keys if split.value == "[]") == told["without_arguments_failed"] == 0


def test_provider_crashes_are_the_providers_and_code_that_quotes_500_is_not(
    trail: Report, trail_lines: list[Span]
) -> None:
    """Two model calls met an overloaded provider; errors of code that mention a number are the code's."""
    crashes = provider_crashes(trail_lines)
    providers = [each for each in by_detector(trail, "error_signatures") if each.owner == "provider"]

    assert sum(crashes.values()) == 2
    assert sum(finding.counts.affected_spans for finding in providers) == 2
    assert {each.category for each in providers} == {"rate_limit", "provider_error"}
    assert {name for each in providers for name in crashes if name in each.title} == set(crashes)


def test_denied_web_search_is_found_in_three_variants(claude_code: Report, variant_files: dict[str, Path]) -> None:
    """A permission that is never granted fails every call, whichever model asks."""
    counted = {variant: denied(spans_of(path), "WebSearch") for variant, path in variant_files.items()}
    (finding,) = [each for each in claude_code.findings if each.title.startswith("WebSearch")]
    told = {split.value: (split.affected, split.opportunities) for split in finding.splits if split.by == "version"}

    assert told == {f"claude_code_{variant}": count for variant, count in counted.items() if count[1]}
    assert len(told) == 3
    assert finding.counts.affected_spans == finding.counts.opportunities == 18


def test_runs_that_call_no_tool_are_one_versions(claude_code: Report, variant_files: dict[str, Path]) -> None:
    """47 of 79 runs of one version do nothing at all; of the others one in 233 does."""
    counted = {variant: runs_without_tools(spans_of(path)) for variant, path in variant_files.items()}
    found = by_detector(claude_code, "version_regression", "announced_not_done", "answer_without_action")
    idle = [finding for finding in found if finding.counts.affected_spans == counted["v3"][0]]

    assert counted["v3"] == (47, 79)
    assert sum(count for variant, (count, _) in counted.items() if variant != "v3") == 1
    assert idle
    assert all(finding.counts.affected_traces == 47 for finding in idle)
