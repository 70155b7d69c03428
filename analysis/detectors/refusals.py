"""Model answers that refuse, and runs that refuse again and again.

Counts: leaf LLM answers that match the refusal lexicon at their start, or that a content filter ended, of all
leaf LLM answers whose text or finish reason is recorded. Two kinds: `loop` are the refusals of a scope that
stand at least two in a row with no tool result between; `single` are all others that were said before any tool
of the scope had answered, or by a content filter: their prevalence, which nobody has to act on by itself.
Excluded: failed calls, and refusals after a tool result, which may well state what a policy says.
Known false positives: texts that quote a refusal, and requests that ought to be refused however often they are made.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.groups import refs
from analysis.model_calls import last_results, model_sequences
from analysis.phrases import fraction, rated, sentence
from analysis.splitting import WHO, measured
from domain.report import Scalar
from domain.spans import SpanStatus

_FILTERED = frozenset(("content_filter", "content-filter", "safety", "refusal", "guardrail_intervened"))


class Config(DetectorConfig):
    """When refusals make a loop."""

    min_in_a_row: int = Field(2, ge=2, description="Fewest refusals of a scope without a tool result between them.")


def create(config: Config) -> Detector:
    """The detector."""
    return Refusals(config)


def _is_told(span: SpanFact) -> bool:
    return span.status is not SpanStatus.ERROR and (span.phrases is not None or bool(span.finish))


def _is_filtered(span: SpanFact) -> bool:
    return span.finish.casefold() in _FILTERED


def streaks(window: FactWindow) -> Sequence[Sequence[SpanFact]]:
    """The refusals of each scope, those together that no tool result stands between.

    A refusal after a tool result begins no streak: it may state what was looked up. A content filter's does.
    """
    found: list[Sequence[SpanFact]] = []
    results = window.once(last_results)
    for key, sequence in window.once(model_sequences).items():
        found += _streaks(sequence, results.get(key, ()))
    return found


def _streaks(sequence: Sequence[SpanFact], results: Sequence[int]) -> Iterator[Sequence[SpanFact]]:
    streak: list[SpanFact] = []
    since = -1
    for span in filter(_is_told, sequence):
        if not (_is_filtered(span) or "refusal" in (span.phrases or ())):
            continue
        if streak and bisect_left(results, span.start_ns) > bisect_right(results, since):
            yield streak
            streak = []
        if streak or _is_filtered(span) or not bisect_left(results, span.start_ns):
            streak.append(span)
            since = span.start_ns
    if streak:
        yield streak


class Refusals(Detector):
    """Looks at what models say no to."""

    name = "refusals"
    requires = ()
    requires_any = ("llm_output", "finish")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for refusals in a row, one for the others."""
        for kind in ("loop", "single"):
            args: dict[str, Scalar] = {"kind": kind, "min_in_a_row": self._config.min_in_a_row}
            measure = self.measure(window, args)
            if measure.affected:
                yield _loop(args, measure) if kind == "loop" else _single(args, measure)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Refusals of a kind of all answers that tell; wasted are those in loops."""
        least, is_loop = int(str(args["min_in_a_row"])), str(args["kind"]) == "loop"
        answers = [span for span in window.llm_calls if _is_told(span)]
        refused = [span for streak in window.once(streaks) if (len(streak) >= least) is is_loop for span in streak]
        return measured(answers, refused, refs(refused) if is_loop else frozenset(), WHO)


def _loop(args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    return Candidate(
        detector="refusals",
        category="refusal",
        owner="prompt",
        severity="medium",
        subject="",
        cause="refusal loop",
        args=args,
        title=f"The model refuses again and again: {fraction(measure, 'model answer')}",
        explanation=sentence(
            f"{rated(measure, 'model answer')}, are refusals that stand at least {args['min_in_a_row']} in a row in",
            "their run, with no tool result between them.",
        ),
        fix=(
            "Harness: end the run or ask a person after the first refusal, rather than ask again; "
            "prompt: say what the agent may do, so that it does not refuse what it is there for."
        ),
        exemplars=(),
        quote_fields=("output", "finish"),
        confidence="medium",
        acceptance="model answers in refusal loops < 1 % over ≥ 100 model answers",
    )


def _single(args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    return Candidate(
        detector="refusals",
        category="refusal",
        owner="model",
        severity="info",
        subject="",
        cause="single refusals",
        args=args,
        title=f"{fraction(measure, 'model answer')} refuse before anything was looked up",
        explanation=sentence(
            f"{rated(measure, 'model answer')}, refuse, or were ended by a content filter,",
            "outside of any loop and without a tool result to rest on.",
        ),
        fix="Prompt: read the requests that were refused, and say which of them the agent is there for.",
        exemplars=(),
        quote_fields=("output", "finish"),
        confidence="medium",
        explains_failures=False,
        acceptance="single refusals < 5 % over ≥ 100 model answers",
    )
