"""Runs that end before they began: hardly any action, where the agent normally takes many.

Counts: complete runs that ended without an error with no action where half of the agent's runs take three or more, or
with so few that the logarithm of their number lies 3.5 robust standard deviations (scaled MAD, at least a doubling)
below the median; of all such runs of the service and agent, at least 20. A finding when surely (lower end of the 95 %
Wilson interval) 5 % of the runs are such, or when one version has at least three and surely more than the others. The
split tells how their last message ends: `announces` what it is going to do, `asks back`, or `other`. It is no
condition; only where most of them ask back and no version stands out is the severity low.
Excluded: incomplete traces and runs that failed.
Known false positives: conversations whose first turns only clarify the task.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from pydantic import Field

from analysis.actions import Group, Work, by_agent, odd_versions, run_works
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow
from analysis.groups import refs
from analysis.phrases import fraction, listed, quoted, rated, sentence
from analysis.splitting import measured, split_by
from analysis.statistics import robust_z, wilson
from domain.report import Scalar
from domain.spans import SpanStatus

_MANY = 3
_Z = 3.5
_LEAST_SPREAD = math.log(2)
_NOBODY: Sequence[Work] = ()


class Config(DetectorConfig):
    """When runs without action are worth a finding."""

    min_runs: int = Field(20, ge=1, description="Fewest runs that tell how much an agent normally does.")
    floor: float = Field(0.05, ge=0, lt=1, description="The lower bound of the share of such runs must reach this.")


def create(config: Config) -> Detector:
    """The detector."""
    return AnnouncedNotDone(config)


def ended_runs(window: FactWindow) -> Mapping[Group, Sequence[Work]]:
    """The runs that ended without an error, by service and agent."""
    return by_agent(
        work
        for work in run_works(window)
        if work.span.status is not SpanStatus.ERROR and work.last.status is not SpanStatus.ERROR
    )


def _cut_short(works: Sequence[Work]) -> Sequence[Work]:
    """The runs with far fewer actions than the others."""
    if not works:
        return ()
    usual, logs = median(work.taken for work in works), [math.log1p(work.taken) for work in works]

    def is_short(work: Work) -> bool:
        if not work.taken and usual >= _MANY:
            return True
        return robust_z(math.log1p(work.taken), logs, least_spread=_LEAST_SPREAD) <= -_Z

    counts = {work.taken: is_short(work) for work in {work.taken: work for work in works}.values()}
    return [work for work in works if counts[work.taken]]


class AnnouncedNotDone(Detector):
    """Compares how much runs did with what the agent normally does."""

    name = "announced_not_done"
    requires = ("tool_calls",)

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each agent of whose runs enough end before they began."""
        for (service, agent), works in window.once(ended_runs).items():
            short = _cut_short(works)
            odd = odd_versions(works, short)
            is_much = bool(short) and wilson(len(short), len(works))[0] >= self._config.floor
            if len(works) >= self._config.min_runs and (odd or is_much):
                args: dict[str, Scalar] = {"service": service, "agent": agent}
                asking = sum(_ending(work) == "asks back" for work in short)
                yield _candidate(args, self.measure(window, args), odd, is_talk=2 * asking > len(short) and not odd)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Runs that ended before they began of all runs of an agent that ended without an error."""
        key = (str(args["service"]), str(args["agent"]))
        works = window.once(ended_runs).get(key, _NOBODY)
        short = _cut_short(works)
        spans, ending = [work.span for work in short], {work.span.ref: _ending(work) for work in short}
        own = split_by("last_message", spans, refs(spans), lambda span: ending[span.ref])
        found = measured([work.span for work in works], spans, refs(work.last for work in short), ("version",), own=own)
        figures: tuple[tuple[str, Scalar], ...] = (
            ("median_actions", float(median(work.taken for work in works)) if works else 0.0),
            ("without_action", sum(not work.taken for work in short)),
            ("announcing", sum(told == "announces" for told in ending.values())),
        )
        return Measure(found.affected, found.opportunities, found.traces, found.wasted, found.splits, figures)


def _ending(work: Work) -> str:
    told = work.last.phrases or ()
    return "announces" if "intent" in told else "asks back" if "hand_back" in told else "other"


def _candidate(args: Mapping[str, Scalar], measure: Measure, odd: Sequence[str], *, is_talk: bool) -> Candidate:
    agent, figures = str(args["agent"]), dict(measure.figures)
    whose = f" of {quoted(agent, 60)}" if agent else ""
    where = f"It stands out in version {listed([quoted(version, 40) for version in odd])}." if odd else ""
    return Candidate(
        detector="announced_not_done",
        category="premature_end",
        owner="model",
        severity="low" if is_talk else "medium",
        subject=agent,
        cause="hardly any action",
        args=args,
        title=f"{fraction(measure, 'run')}{whose} end before they began: next to no action",
        explanation=sentence(
            f"{rated(measure, 'run')}, end with next to no action, {figures['without_action']} of them with none;",
            f"half of the agent's runs take {figures['median_actions']:g} actions or more.",
            f"The last message of {figures['announcing']} announces what is going to be done.",
            where,
        ),
        fix=(
            "Harness: when a message announces work and asks for no tool, send it back and ask for the call; "
            "compare model, prompt and tool format of the versions in the split."
        ),
        exemplars=(),
        quote_fields=("output",),
        precedence=22,
        service=str(args["service"]),
        confidence="medium",
        acceptance=f"runs{whose} with next to no action < 5 % over ≥ 50 runs",
    )
