"""Runs that cost many times the tokens of their like.

Counts: complete traces whose input and output tokens, summed over leaf LLM spans, lie more than z robust standard
deviations above the median of their group on log scale, of all complete traces of the group with tokens. A group is
one service, version and task, where enough traces name the same task; all others of a service and version are one.
The affected span is the run's outermost. Nothing is claimed as waste: the figures say how many tokens lie above the
median of the group.
Excluded: spread below a factor that is not believed to be real, groups that are too small, runs with few tokens.
Known false positives: a mix of small and large tasks that are not told apart.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import NamedTuple

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.model_calls import outermost
from analysis.phrases import fraction, quoted, rated, sentence
from analysis.splitting import measured
from analysis.statistics import log_threshold
from domain.report import Scalar

Group = tuple[str, str, str]
"""(service, version, task)."""
_LEAST_SPREAD = 0.35


class Config(DetectorConfig):
    """When a run counts as blown up."""

    z: float = Field(4.0, gt=0, description="Robust standard deviations above the median, on log scale.")
    min_tokens: int = Field(10_000, ge=0, description="Runs with fewer tokens are never outliers.")
    min_runs: int = Field(20, ge=5, description="Fewest runs of a group that show what is usual.")
    min_outliers: int = Field(3, ge=1, description="Fewest outliers of a group that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return TokenBlowUp(config)


class Spent(NamedTuple):
    """A run and the tokens of all its model calls."""

    run: SpanFact
    tokens: int


def spending(window: FactWindow) -> Sequence[Spent]:
    """Complete runs with tokens."""
    tokens: Counter[str] = Counter()
    for span in window.llm_calls:
        tokens[span.trace_id] += (span.input_tokens or 0) + (span.output_tokens or 0)
    complete = {trace.trace_id for trace in window.traces if trace.complete}
    return [
        Spent(run, tokens[run.trace_id])
        for run in outermost(window)
        if tokens[run.trace_id] > 0 and run.trace_id in complete
    ]


def _groups(window: FactWindow, least: int) -> Mapping[Group, Sequence[Spent]]:
    spent = window.once(spending)
    named = Counter(_of_task(each.run) for each in spent)
    found: dict[Group, list[Spent]] = defaultdict(list)
    for each in spent:
        key = _of_task(each.run)
        found[key if named[key] >= least else (*key[:2], "")].append(each)
    return {key: runs for key, runs in found.items() if len(runs) >= least}


def _of_task(run: SpanFact) -> Group:
    return run.service, run.version, run.task


class TokenBlowUp(Detector):
    """Looks at the tokens of whole runs."""

    name = "token_blow_up"
    requires = ("input_tokens",)

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each group with enough outliers."""
        for service, version, task in _groups(window, self._config.min_runs):
            args: dict[str, Scalar] = {
                "service": service,
                "version": version,
                "task": task,
                "z": self._config.z,
                "min_tokens": self._config.min_tokens,
                "min_runs": self._config.min_runs,
            }
            measure = self.measure(window, args)
            if len(measure.affected) >= self._config.min_outliers:
                yield _candidate(args, measure)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Outliers of all runs of the group."""
        key = (str(args["service"]), str(args["version"]), str(args["task"]))
        runs = _groups(window, int(str(args["min_runs"]))).get(key, ())
        if not runs:
            return Measure(frozenset(), 0, 0, frozenset())
        limit = log_threshold([each.tokens for each in runs], float(str(args["z"])), least_spread=_LEAST_SPREAD)
        limit = max(limit, float(str(args["min_tokens"])))
        large = [each for each in runs if each.tokens > limit]
        usual = round(median(each.tokens for each in runs))
        measure = measured([each.run for each in runs], [each.run for each in large], frozenset(), ("agent",))
        figures: tuple[tuple[str, Scalar], ...] = (
            ("median_tokens", usual),
            ("limit_tokens", round(limit)),
            ("tokens_above_median", sum(each.tokens - usual for each in large)),
        )
        return replace(measure, figures=figures)

    def comparisons(self, window: FactWindow) -> int:
        """Each group that is large enough."""
        return len(_groups(window, self._config.min_runs))


def _candidate(args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    figures = {name: int(str(value)) for name, value in measure.figures}
    version = f" of version {quoted(str(args['version']), 40)}" if args["version"] else ""
    return Candidate(
        detector="token_blow_up",
        category="cost",
        owner="harness",
        severity="low",
        subject="",
        cause=f"token outliers|{args['version']}|{args['task']}",
        args=args,
        title=f"{fraction(measure, 'run')}{version} cost many times the usual tokens",
        explanation=sentence(
            f"{rated(measure, 'run')}{version}, cost more than {figures['limit_tokens']:,} tokens;",
            f"the median is {figures['median_tokens']:,}.",
            f"Together they cost {figures['tokens_above_median']:,} tokens more than as many usual runs.",
        ),
        fix="Harness: set a limit on the tokens of a run, and look at what these runs repeat or carry along.",
        exemplars=(),
        quote_fields=("name",),
        service=str(args["service"]),
        confidence="medium",
        explains_failures=False,
        acceptance=f"runs over {figures['limit_tokens']:,} tokens < 1 % over ≥ 100 runs",
    )
