"""Faults that show only in outcomes, planted in healthy traffic: found, recomputed, and not imagined."""

import importlib
import random

import pytest

from bench.planting.recording import DIALECTS, recorded
from bench.planting.story import Story
from bench.planting.traffic import traffic
from tests.analysis.recorded import Evidence, evidence
from tests.analysis.stored import stored_spans, stored_traces

SEED, RUNS = 11, 120
CASES = list(
    zip(("contrast", "version_regression", "change_point", "cost_per_success"), [*DIALECTS, "gen_ai"], strict=True)
)


def reported(stories: list[Story], dialect: str) -> Evidence:
    """The report of some stories in a dialect."""
    return evidence(
        stored_traces(span for request in recorded(stories, DIALECTS[dialect]) for span in stored_spans(request))
    )


def asked(report: Evidence) -> set[str]:
    """The detectors whose queries a report tells."""
    return {query.name for finding in report.built.report.findings for query in finding.queries}


@pytest.mark.parametrize(("name", "dialect"), CASES)
def test_a_planted_fault_is_found_and_every_number_of_it_comes_out_again(name: str, dialect: str) -> None:
    """Permutations and resamples included: they are drawn from a fixed counter."""
    stories = traffic(SEED, RUNS)
    importlib.import_module(f"bench.planting.faults.{name}").plant(stories, random.Random(SEED))
    report = reported(stories, dialect)

    assert name in asked(report)
    assert report.built.report.coverage.stated_outcomes == RUNS
    assert report.verify() == []


@pytest.mark.parametrize(("name", "dialect"), CASES)
def test_what_only_resembles_a_fault_is_left_alone(name: str, dialect: str) -> None:
    """Confounded versions, steady failure, dear successes."""
    stories = traffic(SEED, RUNS)
    importlib.import_module(f"bench.planting.faults.{name}").near_miss(stories, random.Random(SEED))

    assert name not in asked(reported(stories, dialect))
