"""Faults of actions planted in healthy traffic are found in every dialect, and what only resembles them is not."""

import random
from importlib import import_module

import pytest

from bench.planting.recording import DIALECTS
from bench.planting.traffic import traffic
from bench.planting.trying import fired, report_on
from domain.report import SEVERITIES

PLANTED = (
    "announced_not_done",
    "answer_after_error",
    "answer_without_action",
    "call_cycles",
    "leaked_call",
    "redundant_arguments",
    "repeated_calls",
    "same_tool_streak",
    "soft_errors",
)
RUNS = 60
SEEDS = {name: seed for seed, name in enumerate(DIALECTS, 1)}
ACTION = SEVERITIES.index("medium")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_and_nothing_else_is_called_affected(name: str, dialect: str) -> None:
    """No more runs than were changed, in all findings of the detector together no fewer than half of them."""
    fault = import_module(f"bench.planting.faults.{name}")
    stories = traffic(SEEDS[dialect], getattr(fault, "RUNS", RUNS))
    changed = fault.plant(stories, random.Random(SEEDS[dialect]))

    report = report_on(stories, DIALECTS[dialect])
    told = [finding for finding in report.findings if any(query.name == name for query in finding.queries)]
    assert told
    assert all(finding.counts.affected_traces <= len(changed) for finding in told)
    assert sum(finding.counts.affected_traces for finding in told) >= len(changed) / 2


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", PLANTED)
def test_what_only_resembles_the_fault_is_left_alone(name: str, dialect: str) -> None:
    """A false alarm costs more trust than a missed fault."""
    fault = import_module(f"bench.planting.faults.{name}")
    stories = traffic(SEEDS[dialect], getattr(fault, "RUNS", RUNS))
    fault.near_miss(stories, random.Random(SEEDS[dialect]))

    assert not fired(report_on(stories, DIALECTS[dialect]), name)


@pytest.mark.parametrize("seed", range(1, 21))
def test_healthy_traffic_asks_nobody_to_act(seed: int) -> None:
    """Neither for a transient error that the next try made good nor for anything else."""
    dialect = list(DIALECTS.values())[seed % len(DIALECTS)]

    report = report_on(traffic(seed, RUNS), dialect)

    assert not [finding.title for finding in report.findings if SEVERITIES.index(finding.severity) <= ACTION]
