"""Model answers and agent results that are empty although all went well.

Counts: LLM spans without an error whose recorded text is empty and that ask for no tool, of all LLM spans
without an error whose text is recorded; and the same for AGENT spans and their results.
Excluded: spans whose content is not recorded (the detector is then not observable), answers whose finish
reason says that a tool was called, and spans that only pass on the empty output of a child of their kind.
Known false positives: instrumentations that record empty text for content they do not understand.
"""

from collections.abc import Iterable, Mapping, Sequence

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.groups import refs, spans_by_kind
from analysis.phrases import fraction, rated
from analysis.splitting import WHO, measured
from domain.report import Scalar
from domain.spans import SpanKind, SpanStatus

_CALLING = frozenset(("tool_calls", "tool_call", "tool_use", "function_call", "tool-calls"))
_NOUNS = {"LLM": "model answer", "AGENT": "agent result"}


class Config(DetectorConfig):
    """Nothing to set but whether it looks."""


def create(config: Config) -> Detector:
    """The detector."""
    return EmptyOutput()


class EmptyOutput(Detector):
    """Looks at recorded outputs."""

    name = "empty_output"
    requires = ("llm_output",)

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """A candidate for model answers and one for agent results."""
        for kind, noun in _NOUNS.items():
            args: dict[str, Scalar] = {"kind": kind}
            measure = self.measure(window, args)
            if measure.affected:
                yield Candidate(
                    detector=self.name,
                    category="empty_output",
                    owner="model" if kind == "LLM" else "harness",
                    severity="medium",
                    subject="",
                    cause=f"empty {noun}",
                    args=args,
                    title=f"{fraction(measure, noun)} are empty",
                    explanation=f"{rated(measure, noun)}, are recorded as empty although no error is.",
                    fix=(
                        "Harness: treat an empty answer as a failure: ask once more, then end the run as failed; "
                        "never hand an empty result to the user."
                    ),
                    exemplars=(),
                    quote_fields=("finish", "output", "model", "name"),
                    acceptance=f"empty {noun}s < 1 % over ≥ 100 {noun}s",
                )

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Empty outputs of all recorded outputs of a kind of span."""
        spans = _recorded(window, SpanKind[str(args["kind"])])
        empty = [span for span in spans if span.output_chars == 0]
        passed_on = {(span.trace_id, span.parent_id) for span in empty}
        source = [span for span in empty if span.ref not in passed_on]
        return measured(spans, source, refs(source), WHO)


def _recorded(window: FactWindow, kind: SpanKind) -> Sequence[SpanFact]:
    """Spans without an error that answer in words and record them."""
    return [
        span
        for span in window.once(spans_by_kind).get(kind, ())
        if span.status is not SpanStatus.ERROR
        and span.end_ns
        and span.output_chars is not None
        and not span.requested
        and span.finish.casefold() not in _CALLING
    ]
