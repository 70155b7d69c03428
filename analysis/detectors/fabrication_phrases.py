"""Answers that say that they assume, simulate or make up what they state: a lead for a reader, not a verdict.

Counts: leaf LLM answers that match the fabrication lexicon and after which no tool call of their scope succeeds, of
all leaf LLM answers that were compared with the lexicon.
Excluded: failed calls, and plans that say so and then look things up after all.
Known false positives: hedged statements, and agents that are asked for examples.
"""

from collections.abc import Mapping

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, OneStory
from analysis.facts import FactWindow, SpanFact
from analysis.model_calls import last_results
from analysis.phrases import fraction, rated, sentence
from analysis.splitting import WHO, measured
from domain.report import Scalar
from domain.spans import SpanStatus


class Config(DetectorConfig):
    """When such answers are worth a finding."""

    min_answers: int = Field(2, ge=1, description="Fewest such answers that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return FabricationPhrases(config)


class FabricationPhrases(OneStory):
    """Looks at what answers say of themselves."""

    name = "fabrication_phrases"
    requires = ("llm_output",)

    def __init__(self, config: Config) -> None:
        super().__init__(config.min_answers)

    def told(self, measure: Measure) -> Candidate:
        """One candidate when enough answers say so."""
        return Candidate(
            detector=self.name,
            category="ungrounded",
            owner="prompt",
            severity="low",
            subject="",
            cause="answers that say they assume",
            args={},
            title=f"{fraction(measure, 'model answer')} say that they assume or simulate what they state",
            explanation=sentence(
                f"{rated(measure, 'model answer')}, say that something in them is assumed, simulated or for",
                "demonstration, and no tool has answered after them.",
            ),
            fix="Prompt: tell the model to say what it could not look up, and never to make up a result.",
            exemplars=(),
            quote_fields=("output",),
            confidence="low",
            explains_failures=False,
            acceptance="answers that say they assume < 2 % over ≥ 100 answers",
        )

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Answers that say so of all that were compared."""
        answers = [
            span for span in window.llm_calls if span.phrases is not None and span.status is not SpanStatus.ERROR
        ]
        assumed = [span for span in answers if "fabrication" in (span.phrases or ()) and not _is_followed(window, span)]
        return measured(answers, assumed, frozenset(), WHO)


def _is_followed(window: FactWindow, span: SpanFact) -> bool:
    """Whether a tool of the scope answered after this."""
    results = window.once(last_results).get((span.trace_id, span.scope_id), ())
    return bool(results) and results[-1] >= span.start_ns
