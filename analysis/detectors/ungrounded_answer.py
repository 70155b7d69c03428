"""Answers whose numbers and names stand nowhere in what the agent read: for information, never proof by itself.

Counts: last answers of a scope with at least four numbers and names that were looked for, of which at least half
stand in no input and no tool result of the scope; of all last answers with as many.
Excluded: answers with fewer numbers and names, and scopes whose content is not recorded.
Known false positives: derived numbers, translations, and what a model rightly knows; two of five are right.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.phrases import fraction, rated, sentence
from analysis.splitting import WHO, measured
from domain.report import Scalar


class Config(DetectorConfig):
    """When an answer counts as ungrounded."""

    min_words: int = Field(4, ge=1, description="Fewest numbers and names of an answer that say anything about it.")
    share: float = Field(0.5, gt=0, le=1, description="The share of them that stands nowhere else.")
    min_answers: int = Field(3, ge=1, description="Fewest such answers that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return UngroundedAnswer(config)


class UngroundedAnswer(Detector):
    """Looks at what last answers rest on."""

    name = "ungrounded_answer"
    requires = ("llm_output",)

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate when enough answers rest on nothing."""
        args: dict[str, Scalar] = {"min_words": self._config.min_words, "share": self._config.share}
        measure = self.measure(window, args)
        if len(measure.affected) >= self._config.min_answers:
            yield Candidate(
                detector=self.name,
                category="ungrounded",
                owner="model",
                severity="info",
                subject="",
                cause="answers without grounds",
                args=args,
                title=f"{fraction(measure, 'last answer')} name much that stands nowhere in their run",
                explanation=sentence(
                    f"{rated(measure, 'last answer')}, hold numbers and names of which {self._config.share:.0%} or",
                    "more stand in no input and no tool result of the run. Read some before you believe it: derived",
                    "numbers and common knowledge look the same.",
                ),
                fix="Prompt: ask for answers that name the tool result they rest on.",
                exemplars=(),
                quote_fields=("output",),
                confidence="low",
                explains_failures=False,
                acceptance="ungrounded last answers < 5 % over ≥ 50 answers",
            )

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Ungrounded last answers of all that could be checked."""
        answers = _checked(window, int(str(args["min_words"])))
        share = float(str(args["share"]))
        loose = [span for span in answers if (span.unfounded_words or 0) >= share * (span.checked_words or 0)]
        return measured(answers, loose, frozenset(), WHO)


def _checked(window: FactWindow, least: int) -> Sequence[SpanFact]:
    return [span for span in window.spans() if span.unfounded_words is not None and (span.checked_words or 0) >= least]
