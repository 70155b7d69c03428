"""Time of a run that nothing recorded explains.

Counts: for each complete trace with an ended root that has children, the time on its critical path (found from the
end backwards) that a span waits while none of its children runs. Steps such as model and tool calls explain all of
their own time. A finding for a service and version when, at the median of its runs, at least a fifth of the time and
more than a second is unexplained; affected are the roots of the runs of which that holds, of all roots of the group.
The figures give the median share and seconds.
Excluded: groups of few runs, traces of which a parent is missing.
Known false positives: work that is not instrumented, and waiting for a person: it is unexplained, not idle.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import NamedTuple

from pydantic import Field

from analysis.counting import rounded_rate, rounded_seconds
from analysis.critical_path import gaps
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact, TraceFacts
from analysis.phrases import percent, plural, quoted, rated, sentence
from analysis.splitting import measured
from domain.report import Scalar


class Config(DetectorConfig):
    """When unexplained time is worth a finding."""

    min_share: float = Field(0.2, gt=0, le=1, description="The share of a run's time, at the median.")
    min_seconds: float = Field(1.0, ge=0, description="The seconds of a run, at the median.")
    min_runs: int = Field(20, ge=1, description="Fewest runs of a version that show what is usual.")


def create(config: Config) -> Detector:
    """The detector."""
    return UnexplainedTime(config)


class Timed(NamedTuple):
    """A run, its unexplained nanoseconds, and the name of the step before which most of a gap lay."""

    root: SpanFact
    unexplained: int
    before: str

    @property
    def share(self) -> float:
        """Unexplained of all its time."""
        return self.unexplained / (self.root.end_ns - self.root.start_ns)


def timed_runs(window: FactWindow) -> Mapping[tuple[str, str], Sequence[Timed]]:
    """Complete runs by (service, version)."""
    found: dict[tuple[str, str], list[Timed]] = defaultdict(list)
    for trace in window.traces:
        timed = _timed(trace) if trace.complete and trace.roots else None
        if timed is not None:
            found[timed.root.service, timed.root.version].append(timed)
    return found


def _timed(trace: TraceFacts) -> Timed | None:
    root = trace.roots[0]
    is_whole = not any(span.parent_missing for span in trace.spans)
    if not is_whole or not root.end_ns > root.start_ns > 0 or len(trace.spans) < 2:
        return None
    found = list(gaps(trace, root))
    widest = max(found, key=lambda gap: gap.nanoseconds, default=None)
    before = widest.before.name if widest is not None and widest.before is not None else ""
    return Timed(root, sum(gap.nanoseconds for gap in found), before)


class UnexplainedTime(Detector):
    """Looks at the time between the steps of runs."""

    name = "unexplained_time"
    requires = ("durations",)

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each version whose usual run has much unexplained time."""
        least_share, least_seconds = self._config.min_share, self._config.min_seconds
        for (service, version), runs in window.once(timed_runs).items():
            share = median(run.share for run in runs)
            seconds = median(run.unexplained for run in runs) / 1e9
            if len(runs) >= self._config.min_runs and share >= least_share and seconds > least_seconds:
                args: dict[str, Scalar] = {
                    "service": service,
                    "version": version,
                    "min_share": least_share,
                    "min_seconds": least_seconds,
                }
                yield _candidate(args, self.measure(window, args), runs)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Roots of runs with much unexplained time of all of the version; a run's whole time is not waste."""
        runs = window.once(timed_runs).get((str(args["service"]), str(args["version"])), ())
        least_share, least_ns = float(str(args["min_share"])), float(str(args["min_seconds"])) * 1e9
        hit = [run.root for run in runs if run.share >= least_share and run.unexplained > least_ns]
        measure = measured([run.root for run in runs], hit, frozenset(), ("agent",))
        figures: tuple[tuple[str, Scalar], ...] = ()
        if runs:
            figures = (
                ("median_share", rounded_rate(median(run.share for run in runs))),
                ("median_seconds", rounded_seconds(round(median(run.unexplained for run in runs)))),
            )
        return replace(measure, figures=figures)


def _candidate(args: Mapping[str, Scalar], measure: Measure, runs: Sequence[Timed]) -> Candidate:
    figures = {name: float(str(value)) for name, value in measure.figures}
    version = f" of version {quoted(str(args['version']), 40)}" if args["version"] else ""
    share, seconds = percent(figures["median_share"]), figures["median_seconds"]
    return Candidate(
        detector="unexplained_time",
        category="latency",
        owner="harness",
        severity="low",
        subject="",
        cause=f"unexplained time|{args['version']}",
        args=args,
        title=f"{share} of the time of a usual run{version} is unexplained",
        explanation=sentence(
            f"In half of the runs{version} at least {share} of the time and {seconds:.1f} s pass while nothing that",
            f"is recorded runs; {rated(measure, 'run')}, show as much as a finding needs.",
            _where(runs),
        ),
        fix=(
            "Harness: record what runs between the steps (queues, retries, parsing, other services); "
            "what then is still unexplained is waiting."
        ),
        exemplars=(),
        quote_fields=("name",),
        service=str(args["service"]),
        confidence="medium",
        explains_failures=False,
        acceptance=f"unexplained share of a run's time < {percent(float(str(args['min_share'])))} at the median",
    )


def _where(runs: Sequence[Timed]) -> str:
    names = Counter(run.before for run in runs if run.before)
    if not names:
        return ""
    name, count = min(names.items(), key=lambda item: (-item[1], item[0]))
    return f"The widest gap lies most often before {quoted(name, 60)} (in {count} of {plural(len(runs), 'run')})."
