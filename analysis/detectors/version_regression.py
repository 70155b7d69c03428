"""A new version of an agent does worse than the one before it.

Counts: traces of the newer version that show it, of its traces that could. Of each agent's `service.version` values,
in the order they were first seen, every one with at least 20 traces is compared with the one before: how often traces
fail, traces without any tool call (of agents that usually make some), the share of tool calls that fail, tokens and
duration of a trace, and the share of input tokens read from the provider's cache. Rates are tested with Fisher's
exact test, or with McNemar's on pairs where at least 20 tasks were run under both versions; sizes and shares with the
Mann-Whitney test, the unit being the trace, since the calls of one trace are not independent. A size counts where
its Hodges-Lehmann shift is at least a fifth of the older median, and its interval lies above a tenth. p must be at
most 1 %, and 0.1 % for more than low. Of sizes and shares affected are the newer traces above the older version's 90th
percentile (of the cache share: below its 10th).
Excluded: improvements, traces that name no version, and, told as low, what a later version has mended and larger
sizes of a version that fails less often.
Known false positives: another mix of tasks, where no task is recorded; versions that serve different users.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, SplitCount
from analysis.facts import FactWindow
from analysis.phrases import p_said, percent, plural, points, quoted, sentence, significant
from analysis.version_pairs import METRICS, Compared, Pair, compare, version_pairs
from domain.report import Owner, Scalar, Severity

_SURE = 0.001


class Words(NamedTuple):
    """How a metric is told: title, what is typical of a trace, severity, owner and what to do."""

    title: str
    typical: str
    severity: Severity
    owner: Owner
    fix: str


_WORDS: Mapping[str, Words] = {
    "failing": Words("fails more often", "traces that fail", "high", "harness", "compare failing traces of both"),
    "no_tool_call": Words(
        "makes no tool call more often",
        "traces without a tool call",
        "high",
        "harness",
        "check tool definitions and call format",
    ),
    "tool_errors": Words(
        "has more tool calls fail", "tool calls that fail, by trace", "medium", "harness", "compare the tools' errors"
    ),
    "tokens": Words("uses more tokens", "tokens of a trace", "medium", "harness", "compare prompts and histories"),
    "duration": Words("takes longer", "seconds of a trace", "medium", "harness", "compare where the time goes"),
    "cached": Words(
        "reads less from the cache",
        "input tokens read from the cache, by trace",
        "low",
        "harness",
        "compare how prompts begin: what changes there spoils the cache",
    ),
}


class Config(DetectorConfig):
    """When a version counts as worse."""

    min_traces: int = Field(20, ge=5, description="Fewest traces of a version that is compared.")
    max_p: float = Field(
        0.01, gt=0, le=1, description="The largest p-value that may stand, however few tests there are."
    )


def create(config: Config) -> Detector:
    """The detector."""
    return VersionRegression(config)


class VersionRegression(Detector):
    """Looks at versions beside the ones before them."""

    name = "version_regression"
    requires = ()

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each metric in which a version got worse."""
        for pair, metric, compared in window.once(self._compared):
            if compared.is_worse and compared.p_value <= self._config.max_p:
                yield self._candidate(pair, metric, compared)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Traces of the newer version that show it, of those that could."""
        metric, least = str(args["metric"]), int(str(args["min_traces"]))
        wanted = (args["service"], args["agent_uuid"], args["older"], args["newer"])
        for pair in version_pairs(window, least):
            older, newer = pair.older[0], pair.newer[0]
            if (newer.service, newer.agent_uuid, older.version, newer.version) == wanted:
                compared = compare(metric, pair.older, pair.newer, least)
                return _measure(pair, metric, compared) if compared is not None else _NOTHING
        if metric not in METRICS:
            raise ValueError(f"unknown metric {metric!r}; use one of: {', '.join(METRICS)}")
        return _NOTHING

    def comparisons(self, window: FactWindow) -> int:
        """Each metric of each pair of versions that recorded it."""
        return len(window.once(self._compared))

    def p_values(self, window: FactWindow) -> Sequence[float]:
        """Of every comparison, told or not."""
        return [compared.p_value for _, _, compared in window.once(self._compared)]

    def _compared(self, window: FactWindow) -> Sequence[tuple[Pair, str, Compared]]:
        least = self._config.min_traces
        return [
            (pair, metric, compared)
            for pair in version_pairs(window, least)
            for metric in METRICS
            if (compared := compare(metric, pair.older, pair.newer, least)) is not None
        ]

    def _candidate(self, pair: Pair, metric: str, compared: Compared) -> Candidate:
        older, newer, words = pair.older[0], pair.newer[0], _WORDS[metric]
        is_mended = self._is_mended(pair, metric)
        is_price = METRICS[metric].kind == "size" and self._fails_less(pair)
        name = quoted(newer.version)
        args: dict[str, Scalar] = {
            "metric": metric,
            "service": newer.service,
            "agent_uuid": newer.agent_uuid,
            "older": older.version,
            "newer": newer.version,
            "min_traces": self._config.min_traces,
        }
        typical = f"{_told(metric, compared.newer_typical)}, before {_told(metric, compared.older_typical)}"
        return Candidate(
            detector=self.name,
            category="regression",
            owner=words.owner,
            severity="low" if is_mended or is_price or compared.p_value > _SURE else words.severity,
            subject=newer.agent,
            cause=f"{metric}|{newer.version}",
            args=args,
            title=f"Version {name} {words.title} than {quoted(older.version)}: {typical}",
            explanation=sentence(
                f"{words.typical[0].upper()}{words.typical[1:]}: {_told(metric, compared.newer_typical)} in "
                f"{plural(len(compared.of), 'trace')} of version {name}, {_told(metric, compared.older_typical)} in "
                f"{plural(compared.older_of, 'trace')} of {quoted(older.version)} before it.",
                _change(metric, compared),
                f"In version {quoted(pair.latest[0].version)} it is no worse than before." if is_mended else "",
                "The version also fails less often, so it may be the price of that." if is_price else "",
            ),
            fix=f"Harness: see what changed since {quoted(older.version)}; {words.fix}; roll back if in doubt.",
            exemplars=(),
            quote_fields=("error", "output", "name"),
            service=newer.service,
            explains_failures=METRICS[metric].kind == "rate",
            p_value=compared.p_value,
            acceptance=f"{words.typical}: no worse than {_told(metric, compared.older_typical)} over ≥ 50 traces",
        )

    def _is_mended(self, pair: Pair, metric: str) -> bool:
        """Whether a later version took over in which it is not worse any more."""
        if pair.latest is pair.newer or pair.latest[0].start_ns <= pair.newer[-1].start_ns:
            return False
        since = compare(metric, pair.older, pair.latest, self._config.min_traces)
        return since is not None and not (since.is_worse and since.p_value <= self._config.max_p)

    def _fails_less(self, pair: Pair) -> bool:
        """Whether the newer version fails less often than the older."""
        compared = compare("failing", pair.older, pair.newer, self._config.min_traces)
        return compared is not None and compared.change < 0 and compared.p_value <= self._config.max_p


_NOTHING = Measure(frozenset(), 0, 0, frozenset())


def _measure(pair: Pair, metric: str, compared: Compared) -> Measure:
    count = len(compared.of)
    affected = frozenset(each.ref for each in compared.affected)
    return Measure(
        affected,
        count,
        count,
        affected if METRICS[metric].kind == "size" else frozenset(),
        (
            SplitCount("version", pair.older[0].version, compared.older_affected, compared.older_of),
            SplitCount("version", pair.newer[0].version, len(affected), count),
        ),
        (
            ("older", significant(compared.older_typical)),
            ("newer", significant(compared.newer_typical)),
            ("change", significant(compared.change)),
            ("change_low", significant(compared.low)),
            ("change_high", significant(compared.high)),
            ("p_value", significant(compared.p_value)),
            ("paired_tasks", compared.pairs),
        ),
        max(compared.low * count, 0.0) if metric == "failing" else None,
    )


def _told(metric: str, value: float) -> str:
    if METRICS[metric].kind != "size":
        return percent(value)
    return f"{value:,.0f} tokens" if metric == "tokens" else f"{value:,.1f} s"


def _change(metric: str, compared: Compared) -> str:
    low, high = compared.low, compared.high
    if METRICS[metric].kind == "size":
        by = f"{_told(metric, compared.change)} (95 % CI {_told(metric, low)} to {_told(metric, high)})"
        test = "Mann-Whitney"
    else:
        by = f"{points(compared.change)} (95 % CI {low * 100:.1f} to {high * 100:.1f})"
        paired = f"McNemar on {compared.pairs} tasks run under both"
        test = (paired if compared.pairs else "Fisher") if METRICS[metric].kind == "rate" else "Mann-Whitney"
    return f"The change is {by}; {p_said(compared.p_value)}, {test}."
