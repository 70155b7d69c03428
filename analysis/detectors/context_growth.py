"""The context of a run grows from turn to turn without ever being cut.

Counts: leaf LLM spans of a scope in order; a scope grows when it has enough turns, its input tokens rise (a
positive robust slope) and its last input is a multiple of its first and large. Affected are the spans of such
scopes whose input has reached that multiple, of all spans of scopes with enough turns. The whole input of
an affected call is not waste, so none is claimed.
Excluded: scopes that compact their history (the last input is small again).
Known false positives: tasks that need all they have read.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.phrases import fraction, plural, rated, sentence
from analysis.splitting import WHO, measured
from analysis.statistics import slope
from domain.report import Scalar


class Config(DetectorConfig):
    """When growth is worth a finding."""

    min_turns: int = Field(5, ge=2, description="Fewest model calls of a scope that show a trend.")
    ratio: float = Field(3.0, gt=1, description="How many times its first input the last input of a scope must be.")
    min_tokens: int = Field(8_000, ge=0, description="The least last input that matters, in tokens.")


def create(config: Config) -> Detector:
    """The detector."""
    return ContextGrowth(config)


def turns(window: FactWindow) -> Sequence[Sequence[SpanFact]]:
    """The leaf LLM spans with input tokens of each scope, in order."""
    found: dict[tuple[str, str], list[SpanFact]] = defaultdict(list)
    for span in window.llm_calls:
        if span.input_tokens:
            found[span.trace_id, span.scope_id].append(span)
    return list(found.values())


class ContextGrowth(Detector):
    """Looks at the input tokens of each scope."""

    name = "context_growth"
    requires = ("input_tokens",)

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate when any scope grows."""
        args: dict[str, Scalar] = self._config.model_dump(exclude={"enabled"})
        measure = self.measure(window, args)
        if measure.affected:
            yield _candidate(args, measure, _growing(window, args))

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Calls with a grown context of all calls of scopes that are long enough."""
        least, ratio = int(str(args["min_turns"])), float(str(args["ratio"]))
        calls = [span for series in window.once(turns) if len(series) >= least for span in series]
        grown = [
            span
            for series in _growing(window, args)
            for span in series
            if (span.input_tokens or 0) >= ratio * (series[0].input_tokens or 0)
        ]
        return measured(calls, grown, frozenset(), WHO)

    def comparisons(self, window: FactWindow) -> int:
        """Each scope that is long enough."""
        return sum(len(series) >= self._config.min_turns for series in window.once(turns))


def _growing(window: FactWindow, args: Mapping[str, Scalar]) -> Sequence[Sequence[SpanFact]]:
    least, ratio, large = int(str(args["min_turns"])), float(str(args["ratio"])), int(str(args["min_tokens"]))
    found = []
    for series in window.once(turns):
        first, last = series[0].input_tokens or 0, series[-1].input_tokens or 0
        if len(series) >= least and last >= max(ratio * first, large) and slope(_tokens(series)) > 0:
            found.append(series)
    return found


def _tokens(series: Sequence[SpanFact]) -> list[float]:
    return [float(span.input_tokens or 0) for span in series]


def _candidate(args: Mapping[str, Scalar], measure: Measure, growing: Sequence[Sequence[SpanFact]]) -> Candidate:
    steps = median(slope(_tokens(series)) for series in growing)
    ratio = median((series[-1].input_tokens or 0) / (series[0].input_tokens or 1) for series in growing)
    return Candidate(
        detector="context_growth",
        category="context_growth",
        owner="harness",
        severity="low",
        subject="",
        cause="input grows every turn",
        args=args,
        title=f"The context keeps growing in {plural(len(growing), 'run')}: {fraction(measure, 'model call')} carry it",
        explanation=sentence(
            f"{rated(measure, 'model call')}, carry at least {args['ratio']} times the input their run began with.",
            f"Half of the growing runs end at {ratio:.1f} times their first input or more",
            f"(median slope {steps:,.0f} tokens a turn).",
        ),
        fix="Harness: compact the history, and cut large tool results to what was asked for.",
        exemplars=tuple(series[-1].ref for series in growing[:3]),
        quote_fields=("input_tokens", "name"),
        confidence="medium",
        explains_failures=False,
        acceptance="model calls with a grown context < 10 % over ≥ 100 model calls",
    )
