"""Errors with one signature: the same error type and masked text, of one tool or of one kind of span.

Counts: spans that failed of themselves (ERROR without an ERROR child; plumbing such as an HTTP request is
lifted to the tool or model call it broke), of all calls of the tool, or of all spans of the kind.
Excluded: errors that are re-raised by wrappers.
Known false positives: errors an agent expects (a probe, a failing test it wrote on purpose).
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.error_classes import ErrorClass, classify
from analysis.facts import FactWindow
from analysis.failures import Failure, failures
from analysis.phrases import fraction, quoted, rated, sentence
from analysis.splitting import NOBODY, contrast, kind_populations, tool_populations
from analysis.tool_failures import acceptance_text, measure_population, repair_text
from domain.report import Scalar
from domain.spans import SpanKind

Signature = tuple[SpanKind, str, str, str]
"""(kind, tool, error type, template)."""
_MAX_SIGNATURES = 500
_NOUNS = {
    SpanKind.LLM: "model call",
    SpanKind.AGENT: "agent run",
    SpanKind.CHAIN: "step",
    SpanKind.RETRIEVER: "retrieval",
}


class Config(DetectorConfig):
    """When an error is worth a finding."""

    min_spans: int = Field(1, ge=1, description="Fewest failures with one signature that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return ErrorSignatures(config)


def signatures(window: FactWindow) -> Mapping[Signature, Sequence[Failure]]:
    """Failures by signature, in the order they first occur."""
    found: dict[Signature, list[Failure]] = {}
    for failure in window.once(failures).values():
        tool = failure.span.tool if failure.span.kind is SpanKind.TOOL else ""
        found.setdefault((failure.span.kind, tool, failure.error_type, failure.template), []).append(failure)
    return found


class ErrorSignatures(Detector):
    """Groups failures by signature."""

    name = "error_signatures"
    requires = ()

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each signature, for the commonest if there are very many."""
        commonest = sorted(window.once(signatures).items(), key=lambda item: (-len(item[1]), item[0]))
        for (kind, tool, error_type, template), failed in commonest[:_MAX_SIGNATURES]:
            if len(failed) >= self._config.min_spans:
                args: dict[str, Scalar] = {
                    "kind": kind.name,
                    "tool": tool,
                    "error_type": error_type,
                    "template": template,
                }
                yield _candidate(failed[0], kind, tool, args, self.measure(window, args))

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Failures with a signature, of all calls of the tool or all spans of the kind."""
        kind, tool = SpanKind[str(args["kind"])], str(args["tool"])
        failed = window.once(signatures).get((kind, tool, str(args["error_type"]), str(args["template"])), ())
        if tool:
            return measure_population(window, window.once(tool_populations).get(tool, NOBODY), failed)
        return measure_population(window, window.once(kind_populations).get(kind, NOBODY), failed)


def _candidate(failure: Failure, kind: SpanKind, tool: str, args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    found = classify(kind, failure.error_type, failure.template)
    said = failure.template or failure.error_type or "no error text"
    noun = "call" if tool else _NOUNS.get(kind, "span")
    symptom = f"{tool} fails with {quoted(said)} in" if tool else f"Error {quoted(said)} in"
    return Candidate(
        detector="error_signatures",
        category=found.category,
        owner=found.owner,
        severity="medium",
        subject=tool or kind.name,
        cause=failure.cause,
        args=args,
        title=f"{symptom} {fraction(measure, noun)}",
        explanation=sentence(f"{symptom} {rated(measure, noun)}.", contrast(measure.splits)),
        fix=_fix(found, tool, measure),
        exemplars=(),
        quote_fields=("error", "arguments"),
        precedence=40,
        family="failure",
        acceptance=acceptance_text(tool) if tool else f"share of {noun}s with this error < 1 % over ≥ 100 {noun}s",
    )


def _fix(found: ErrorClass, tool: str, measure: Measure) -> str:
    return repair_text(tool, found, measure) if tool else found.fix
