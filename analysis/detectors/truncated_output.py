"""Model answers that were cut off.

Counts: leaf LLM spans whose finish reason says that the length limit was reached, or, without a finish
reason, whose output tokens reach the requested maximum; of all leaf LLM spans that record either.
Excluded: failed calls.
Known false positives: probes that ask for one token on purpose.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.groups import refs
from analysis.phrases import fraction, rated, sentence
from analysis.splitting import WHO, measured
from domain.report import Scalar
from domain.spans import SpanStatus

_CUT = frozenset(("length", "max_tokens", "max_output_tokens", "model_length", "token_limit", "incomplete"))


class Config(DetectorConfig):
    """Nothing to set but whether it looks."""


def create(config: Config) -> Detector:
    """The detector."""
    return TruncatedOutput()


def telling(window: FactWindow) -> Sequence[SpanFact]:
    """Leaf LLM spans that say how they ended."""
    return [
        span
        for span in window.llm_calls
        if span.status is not SpanStatus.ERROR and (span.finish or (span.max_tokens and span.output_tokens is not None))
    ]


def _is_cut(span: SpanFact) -> bool:
    if span.finish:
        return span.finish.casefold() in _CUT
    return bool(span.max_tokens) and (span.output_tokens or 0) >= (span.max_tokens or 0)


class TruncatedOutput(Detector):
    """Looks at finish reasons."""

    name = "truncated_output"
    requires = ()
    requires_any = ("finish", "max_tokens")

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate when any answer was cut off."""
        measure = self.measure(window, {})
        if measure.affected:
            yield Candidate(
                detector=self.name,
                category="truncated_output",
                owner="harness",
                severity="medium",
                subject="",
                cause="length limit",
                args={},
                title=f"{fraction(measure, 'model answer')} were cut off at the length limit",
                explanation=sentence(f"{rated(measure, 'model answer')}, end at the length limit.", _limits(window)),
                fix=(
                    "Harness: raise the output limit for these calls, or detect the finish reason and let the model "
                    "continue; prompt: ask for shorter answers."
                ),
                exemplars=(),
                quote_fields=("finish", "output"),
                acceptance="answers cut off at the length limit < 1 % over ≥ 100 answers",
            )

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Cut answers of all answers that say how they ended."""
        answers = window.once(telling)
        cut = [span for span in answers if _is_cut(span)]
        return measured(answers, cut, refs(cut), WHO)


def _limits(window: FactWindow) -> str:
    limits = [span.max_tokens for span in window.once(telling) if _is_cut(span) and span.max_tokens]
    return f"The limit in force was {int(median(limits))} output tokens (median)." if limits else ""
