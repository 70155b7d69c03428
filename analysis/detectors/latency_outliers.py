"""Calls that take far longer than their like.

Counts: TOOL and leaf LLM spans whose duration lies more than z robust standard deviations above the median
of their group on log scale; groups are of one kind, one tool or model and one version, with enough spans.
Excluded: failed calls (their duration says nothing about the work), calls shorter than a second, and spread
below a factor that is not believed to be real.
Known false positives: cold starts, and retries inside an SDK.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.groups import refs
from analysis.phrases import fraction, rated, sentence
from analysis.splitting import measured
from analysis.statistics import log_threshold
from domain.report import Scalar
from domain.spans import SpanKind, SpanStatus

Group = tuple[str, str, str]
"""(kind, tool or model, version)."""
_LEAST_SPREAD = 0.25


class Config(DetectorConfig):
    """When a duration is an outlier."""

    z: float = Field(5.0, gt=0, description="Robust standard deviations above the median, on log scale.")
    min_spans: int = Field(20, ge=5, description="Fewest spans of a group that show what is usual.")
    min_outliers: int = Field(3, ge=1, description="Fewest outliers of a group that make a finding.")
    min_seconds: float = Field(1.0, ge=0, description="Shorter calls are never outliers.")


def create(config: Config) -> Detector:
    """The detector."""
    return LatencyOutliers(config)


def timed(window: FactWindow) -> Mapping[Group, Sequence[SpanFact]]:
    """Calls that ended well, by group."""
    found: dict[Group, list[SpanFact]] = defaultdict(list)
    for span in (*window.tool_calls, *window.llm_calls):
        if span.status is not SpanStatus.ERROR and span.duration_s > 0:
            subject = span.tool if span.kind is SpanKind.TOOL else span.model
            found[span.kind.name, subject, span.version].append(span)
    return found


class LatencyOutliers(Detector):
    """Looks at the durations of each group."""

    name = "latency_outliers"
    requires = ()

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each group with an outlier."""
        for (kind, subject, version), spans in window.once(timed).items():
            if len(spans) >= self._config.min_spans:
                args: dict[str, Scalar] = {
                    "kind": kind,
                    "subject": subject,
                    "version": version,
                    "z": self._config.z,
                    "min_seconds": self._config.min_seconds,
                }
                measure = self.measure(window, args)
                if len(measure.affected) >= self._config.min_outliers:
                    yield _candidate(args, measure, spans)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Outliers of all calls of the group; wasted are the outliers themselves."""
        group = (str(args["kind"]), str(args["subject"]), str(args["version"]))
        spans = window.once(timed).get(group, ())
        if not spans:
            return Measure(frozenset(), 0, 0, frozenset())
        limit = _limit(spans, args)
        slow = [span for span in spans if span.duration_s > limit]
        return measured(spans, slow, refs(slow), ("service",))

    def comparisons(self, window: FactWindow) -> int:
        """Each group that is large enough."""
        return sum(len(spans) >= self._config.min_spans for spans in window.once(timed).values())


def _limit(spans: Sequence[SpanFact], args: Mapping[str, Scalar]) -> float:
    durations = [span.duration_s for span in spans]
    threshold = log_threshold(durations, float(str(args["z"])), least_spread=_LEAST_SPREAD)
    return max(threshold, float(str(args["min_seconds"])))


def _candidate(args: Mapping[str, Scalar], measure: Measure, spans: Sequence[SpanFact]) -> Candidate:
    subject = str(args["subject"]) or "the model"
    version = f" (version {args['version']})" if args["version"] else ""
    usual, limit = median(span.duration_s for span in spans), _limit(spans, args)
    slow = [span.duration_s for span in spans if span.ref in measure.affected]
    return Candidate(
        detector="latency_outliers",
        category="latency",
        owner="environment" if args["kind"] == "TOOL" else "provider",
        severity="low",
        subject=str(args["subject"]),
        cause=f"slow {str(args['kind']).lower()} calls{version}",
        args=args,
        title=f"{fraction(measure, 'call')} of {subject}{version} are far slower than usual",
        explanation=sentence(
            f"{rated(measure, 'call')}, of {subject}{version} take more than {limit:.1f} s;",
            f"the median is {usual:.2f} s, that of the slow ones {median(slow):.1f} s.",
        ),
        fix=(
            "Harness: set a time limit a little above the usual duration and try again once; "
            "environment: look at the backend's own traces of these calls."
        ),
        exemplars=(),
        quote_fields=("name", "arguments"),
        confidence="medium",
        explains_failures=False,
        acceptance=f"calls of {subject} over {limit:.1f} s < 1 % over ≥ 100 calls",
    )
