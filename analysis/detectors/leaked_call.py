"""Tool calls that leak into the answer as text, so that nobody carries them out.

Counts: leaf LLM answers that ask for no tool and hold a call as text (`<tool_call>`, `<function=…>`, `<invoke …>`, or
a JSON object with a name and arguments) of a tool that is declared in their scope; of all leaf LLM answers without a
call whose text is recorded, in scopes that declare tools.
Excluded: failed calls, and texts that name no declared tool, such as documentation.
Known false positives: answers that quote a call of a declared tool in order to explain it.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.groups import refs
from analysis.phrases import fraction, listed, rated, sentence
from analysis.requests import declared_tools
from analysis.splitting import WHO, measured, split_by
from domain.report import Scalar
from domain.spans import SpanStatus


class Config(DetectorConfig):
    """When leaked calls are worth a finding."""

    min_answers: int = Field(1, ge=1, description="Fewest answers with a leaked call that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return LeakedCall(config)


def texts_without_calls(window: FactWindow) -> Sequence[SpanFact]:
    """Leaf LLM answers that could have asked for a tool and wrote text instead."""
    offered = window.once(declared_tools)
    return [
        span
        for span in window.llm_calls
        if not span.requested
        and span.output_chars
        and span.status is not SpanStatus.ERROR
        and offered.get((span.trace_id, span.scope_id))
    ]


class LeakedCall(Detector):
    """Looks for calls in the text of answers."""

    name = "leaked_call"
    requires = ("llm_output", "tool_schemas")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate when enough answers hold a call."""
        measure = self.measure(window, {})
        if len(measure.affected) >= self._config.min_answers:
            tools = sorted({window.by_ref[ref].leaked_call for ref in measure.affected})
            yield Candidate(
                detector=self.name,
                category="leaked_call",
                owner="harness",
                severity="high",
                subject="",
                cause="tool call in the text of an answer",
                args={},
                title=f"{fraction(measure, 'text answer')} hold a tool call that nobody carries out",
                explanation=sentence(
                    f"Of the answers without a call, {rated(measure, 'answer')}, hold one as text, of {listed(tools)}.",
                    "The model meant to act; the run went on as if it had answered.",
                ),
                fix=(
                    "Harness: use the model's own format for tool calls (chat template, tool parser of the server), "
                    "and send an answer that holds a call back to the model instead of taking it as the end."
                ),
                exemplars=(),
                quote_fields=("output",),
                acceptance="text answers that hold a tool call = 0 over ≥ 100 answers",
            )

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Answers that hold a call of all answers without one."""
        answers = window.once(texts_without_calls)
        leaked = [span for span in answers if span.leaked_call]
        by_tool = split_by("tool", leaked, refs(leaked), lambda span: span.leaked_call)
        return measured(answers, leaked, refs(leaked), WHO, own=by_tool)
