"""Faults planted in healthy traffic are found in every dialect, and what only resembles them is left alone."""

import random
from importlib import import_module

import pytest

from bench.planting.recording import DIALECTS
from bench.planting.traffic import traffic
from bench.planting.trying import fired, report_on

PLANTED = (
    "cache_misses",
    "context_growth",
    "dropped_history",
    "fabrication_phrases",
    "missing_answer",
    "prints_prose",
    "refusals",
    "serial_calls",
    "step_limit",
    "token_blow_up",
    "truncated_output",
    "unexplained_time",
    "ungrounded_answer",
)
RUNS = 60
SEEDS = {name: seed for seed, name in enumerate(DIALECTS, 1)}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_where_it_was_planted(name: str, dialect: str) -> None:
    """In at least half of the changed runs and in no more runs than were changed."""
    stories = traffic(SEEDS[dialect], RUNS)
    changed = import_module(f"bench.planting.faults.{name}").plant(stories, random.Random(SEEDS[dialect]))

    report = report_on(stories, DIALECTS[dialect])
    told = [finding for finding in report.findings if any(query.name == name for query in finding.queries)]
    assert told
    assert any(len(changed) / 2 <= finding.counts.affected_traces <= len(changed) for finding in told)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", PLANTED)
def test_what_only_resembles_the_fault_is_left_alone(name: str, dialect: str) -> None:
    """A false alarm costs more trust than a missed fault."""
    stories = traffic(SEEDS[dialect], RUNS)
    import_module(f"bench.planting.faults.{name}").near_miss(stories, random.Random(SEEDS[dialect]))

    assert not fired(report_on(stories, DIALECTS[dialect]), name)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_healthy_traffic_shows_none_of_the_faults(dialect: str) -> None:
    """Not even for information."""
    report = report_on(traffic(SEEDS[dialect], RUNS), DIALECTS[dialect])

    assert not [name for name in PLANTED if fired(report, name)]
