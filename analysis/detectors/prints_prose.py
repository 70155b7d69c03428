"""Programs that compute nothing: they only print what the model already believes.

Counts: leaf LLM answers whose code calls nothing but print, on long literals, of all leaf LLM answers whose text is
recorded.
Excluded: failed calls, and programs that call anything else.
Known false positives: agents whose way of answering is a program that prints the answer it has worked out before.
"""

from collections.abc import Mapping

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, OneStory
from analysis.facts import FactWindow
from analysis.groups import refs
from analysis.phrases import fraction, rated, sentence
from analysis.splitting import WHO, measured
from domain.report import Scalar
from domain.spans import SpanStatus


class Config(DetectorConfig):
    """When printed prose is worth a finding."""

    min_answers: int = Field(2, ge=1, description="Fewest such programs that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return PrintsProse(config)


class PrintsProse(OneStory):
    """Looks at the code in answers."""

    name = "prints_prose"
    requires = ("llm_output",)

    def __init__(self, config: Config) -> None:
        super().__init__(config.min_answers)

    def told(self, measure: Measure) -> Candidate:
        """One candidate when enough programs print prose."""
        return Candidate(
            detector=self.name,
            category="no_action",
            owner="prompt",
            severity="low",
            subject="",
            cause="code that prints prose",
            args={},
            title=f"{fraction(measure, 'model answer')} are programs that only print prose",
            explanation=sentence(
                f"{rated(measure, 'model answer')}, hold a program that calls nothing but print, on sentences",
                "that the model wrote itself: it looks like work, and nothing is looked up or computed.",
            ),
            fix=(
                "Prompt: say that code is for looking up and computing, and that an answer is given in words; "
                "harness: send such programs back with that remark."
            ),
            exemplars=(),
            quote_fields=("output",),
            confidence="medium",
            acceptance="answers that only print prose < 2 % over ≥ 100 answers",
        )

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Programs that print prose of all recorded answers."""
        answers = [
            span for span in window.llm_calls if span.output_chars is not None and span.status is not SpanStatus.ERROR
        ]
        prose = [span for span in answers if span.prints_prose]
        return measured(answers, prose, refs(prose), WHO)
