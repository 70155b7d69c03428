"""Recall and precision of every detector on planted faults, and what healthy traffic is told.

For each detector and seed: its fault in otherwise healthy traffic must be found, in each of three dialects, and nothing
that was not planted may be called affected; what only resembles the fault must leave it silent. Healthy traffic must
give no finding that asks anybody to act (severity medium or above).
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType

from analysis.looking import shipped_detectors
from bench.planting.recording import DIALECTS, trace_id
from bench.planting.story import Story
from bench.planting.traffic import traffic
from bench.planting.trying import fired, report_on
from bench.processes import Row
from domain.report import SEVERITIES, Report

RUNS = 60
FAULTS_AT_ONCE = 3
_ACTION = SEVERITIES.index("medium")


@dataclass
class Score:
    """What became of one detector's faults and near misses."""

    planted: int = 0
    found: int = 0
    misses: int = 0
    false: int = 0
    affected: int = 0
    of_planted: int = 0
    missed: list[str] = field(default_factory=list)
    alarmed: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Planted faults that were found."""
        return self.found / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        """Of the traffic in which the detector told of a fault, how much had one."""
        told = self.found + self.false
        return self.found / told if told else 1.0


def fault_of(detector: str) -> ModuleType | None:
    """The file that plants a detector's fault; None when nobody wrote one."""
    try:
        return import_module(f"bench.planting.faults.{detector}")
    except ModuleNotFoundError:
        return None


def _changed(
    seed: int, change: Callable[[list[Story], random.Random], object], runs: int
) -> tuple[list[Story], object]:
    stories = traffic(seed, runs)
    return stories, change(stories, random.Random(seed + 1_000_003))


def score(detector: str, fault: ModuleType, seeds: range) -> Score:
    """One detector on its own fault and on its near miss, over seeds and dialects."""
    found = Score()
    runs = getattr(fault, "RUNS", RUNS)
    for seed in seeds:
        dialect = list(DIALECTS.values())[seed % len(DIALECTS)]
        stories, planted = _changed(seed, fault.plant, runs)
        report = report_on(stories, dialect)
        found.planted += 1
        if fired(report, detector):
            found.found += 1
        else:
            found.missed.append(f"{dialect.name}/{seed}")
        _count_traces(found, report, detector, {trace_id(at).hex() for at in planted})
        similar, _ = _changed(seed, fault.near_miss, runs)
        found.misses += 1
        if _alarms(report_on(similar, dialect), detector):
            found.false += 1
            found.alarmed.append(f"{dialect.name}/{seed}")
    return found


def _count_traces(found: Score, report: Report, detector: str, planted: set[str]) -> None:
    for finding in report.findings:
        if finding.detector == detector:
            for item in finding.evidence[:1]:
                found.affected += 1
                found.of_planted += item.trace_id in planted


def _alarms(report: Report, detector: str) -> bool:
    """Whether a detector tells of something that somebody should act on."""
    return any(
        finding.detector == detector and SEVERITIES.index(finding.severity) <= _ACTION for finding in report.findings
    )


def healthy(seeds: range) -> Counter[str]:
    """Findings of severity medium or above in traffic without faults, by detector."""
    alarms: Counter[str] = Counter()
    for seed in seeds:
        for dialect in DIALECTS.values():
            for finding in report_on(traffic(seed, RUNS), dialect).findings:
                if SEVERITIES.index(finding.severity) <= _ACTION:
                    alarms[f"{finding.detector}: {finding.title}"] += 1
    return alarms


def several(seeds: range) -> tuple[int, int]:
    """Of several faults planted at once in different runs, how many are found: (found, planted)."""
    names = [name for name in shipped_detectors() if fault_of(name) is not None]
    found = planted = 0
    for seed in seeds:
        chance = random.Random(seed)
        stories = traffic(seed, RUNS * FAULTS_AT_ONCE)
        chosen = chance.sample(names, FAULTS_AT_ONCE)
        for at, name in enumerate(chosen):
            fault = fault_of(name)
            assert fault is not None
            fault.plant(stories[at::FAULTS_AT_ONCE], chance)
        report = report_on(stories, list(DIALECTS.values())[seed % len(DIALECTS)])
        planted += len(chosen)
        found += sum(fired(report, name) for name in chosen)
    return found, planted


def rows(seeds: int = 20) -> list[Row]:
    """A row for each detector, one for healthy traffic, one for several faults at once."""
    made = []
    for name in sorted(shipped_detectors()):
        fault = fault_of(name)
        if fault is None:
            made.append(Row(f"plant, {name}", "no fault was written for it", "recall and precision 1.00", False))
            continue
        got = score(name, fault, range(1, seeds + 1))
        quotes = f"quotes from planted runs {got.of_planted} of {got.affected}"
        told = f"recall {got.recall:.2f}, precision {got.precision:.2f}, {quotes}"
        odd = f"; missed {', '.join(got.missed[:4])}" if got.missed else ""
        odd += f"; near misses told {', '.join(got.alarmed[:4])}" if got.alarmed else ""
        made.append(Row(f"plant, {name}", told + odd, "recall and precision 1.00", not odd))
    alarms = healthy(range(1, seeds + 1))
    what = (
        "; ".join(f"{title} ({count})" for title, count in alarms.most_common(5)) or "no finding of severity ≥ medium"
    )
    made.append(Row(f"plant, {seeds} healthy seeds in {len(DIALECTS)} dialects", what, "none", not alarms))
    found, planted = several(range(1, seeds + 1))
    made.append(Row(f"plant, {FAULTS_AT_ONCE} faults at once", f"{found} of {planted} found", "all", found == planted))
    return made
