"""The context of a run grows from turn to turn without ever being cut.

Counts: leaf LLM spans of a scope in order; a scope grows when it has enough turns, its input tokens rise (a
positive robust slope) and its last input is a multiple of its first and large. Affected are the spans of such
scopes whose input has reached that multiple, of all spans of scopes with enough turns. The whole input of
an affected call is not waste, so none is claimed. Of each growing scope the largest rise between two calls is put
down to the tool between them with the largest result: the split `largest rise after` counts the growing scopes by
that tool, and the figures give the median rise.
Excluded: scopes that compact their history (the last input is small again).
Known false positives: tasks that need all they have read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from pydantic import Field

from analysis.context_rises import largest_rise
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, SplitCount
from analysis.facts import FactWindow, SpanFact
from analysis.phrases import fraction, plural, rated, sentence
from analysis.splitting import NOT_RECORDED, WHO, measured
from analysis.statistics import slope
from domain.report import Scalar

_RISE = "largest rise after"
_MOST_TOOLS = 5


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
        return _with_rises(window, measured(calls, grown, frozenset(), WHO), _growing(window, args))

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


def _with_rises(window: FactWindow, measure: Measure, growing: Sequence[Sequence[SpanFact]]) -> Measure:
    rises = [largest_rise(window, series) for series in growing]
    if not rises:
        return measure
    counts = Counter(rise.tool for rise in rises)
    shown = sorted(counts, key=lambda tool: (-counts[tool], tool))[:_MOST_TOOLS]
    splits = tuple(SplitCount(_RISE, tool or NOT_RECORDED, counts[tool], len(rises)) for tool in shown)
    figures: tuple[tuple[str, Scalar], ...] = (
        ("growing_scopes", len(rises)),
        ("median_largest_rise_tokens", round(median(rise.tokens for rise in rises))),
    )
    return replace(measure, splits=(*splits, *measure.splits), figures=figures)


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
            _cause(measure),
        ),
        fix="Harness: compact the history, and cut large tool results to what was asked for.",
        exemplars=tuple(series[-1].ref for series in growing[:3]),
        quote_fields=("input_tokens", "name"),
        confidence="medium",
        explains_failures=False,
        acceptance="model calls with a grown context < 10 % over ≥ 100 model calls",
    )


def _cause(measure: Measure) -> str:
    """What most of the largest rises come after; "" where no tool stands out."""
    worst = next((split for split in measure.splits if split.by == _RISE and split.value != NOT_RECORDED), None)
    if worst is None or 3 * worst.affected < worst.opportunities:
        return ""
    rise = dict(measure.figures)["median_largest_rise_tokens"]
    return (
        f"The largest rise of a run ({rise:,} tokens at the median) follows a result of {worst.value} "
        f"in {worst.affected} of {plural(worst.opportunities, 'growing run')}."
    )
