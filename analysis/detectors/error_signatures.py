"""Errors with one signature: the same error type and masked text, of one tool or of one kind of span.

Counts: spans that failed of themselves (ERROR without an ERROR child; plumbing such as an HTTP request is
lifted to the tool or model call it broke), of all calls of the tool, or of all spans of the kind. Rare
signatures of one class (not found, code error, …) of a tool are told together when there are several.
Excluded: errors that are re-raised by wrappers. Failures that pass by themselves have severity low: at least nine of
ten are followed by a success of the same sort in their scope, and neither the share of calls nor that of traces is
surely (lower end of the 95 % Wilson interval) a tenth.
Known false positives: errors an agent expects (a probe, a failing test it wrote on purpose).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.error_classes import ErrorClass, classify
from analysis.facts import FactWindow
from analysis.failures import Failure, failures, unrecovered
from analysis.passing import severity_unless_passing
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
    """Which errors are told one by one."""

    min_spans: int = Field(
        2, ge=1, description="Signatures of fewer failures are told together with others of their tool and class."
    )


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


def rare_signatures(
    window: FactWindow, rarer_than: int
) -> Mapping[tuple[SpanKind, str, str], Mapping[Signature, Sequence[Failure]]]:
    """Signatures of fewer failures than that, by kind, tool and class of error."""
    found: dict[tuple[SpanKind, str, str], dict[Signature, Sequence[Failure]]] = {}
    for (kind, tool, category), members in window.once(_by_class).items():
        rare = {signature: failed for signature, failed in members.items() if len(failed) < rarer_than}
        if rare:
            found[kind, tool, category] = rare
    return found


def _by_class(window: FactWindow) -> Mapping[tuple[SpanKind, str, str], Mapping[Signature, Sequence[Failure]]]:
    found: dict[tuple[SpanKind, str, str], dict[Signature, Sequence[Failure]]] = {}
    for signature, failed in window.once(signatures).items():
        kind, tool, error_type, template = signature
        found.setdefault((kind, tool, classify(kind, error_type, template).category), {})[signature] = failed
    return found


class ErrorSignatures(Detector):
    """Groups failures by signature."""

    name = "error_signatures"
    requires = ()

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each signature, for the commonest if there are very many, and one for rare ones."""
        rare = rare_signatures(window, self._config.min_spans)
        for (kind, tool, category), found in rare.items():
            if len(found) > 1:
                args: dict[str, Scalar] = {
                    "kind": kind.name,
                    "tool": tool,
                    "category": category,
                    "rarer_than": self._config.min_spans,
                }
                yield _rare_candidate(found, args, self.measure(window, args))
        together = {signature for found in rare.values() if len(found) > 1 for signature in found}
        commonest = sorted(window.once(signatures).items(), key=lambda item: (-len(item[1]), item[0]))
        for signature, failed in [each for each in commonest if each[0] not in together][:_MAX_SIGNATURES]:
            kind, tool, error_type, template = signature
            args = {"kind": kind.name, "tool": tool, "error_type": error_type, "template": template}
            measure = self.measure(window, args)
            severity = severity_unless_passing(measure, window.once(unrecovered), "medium")
            yield replace(_candidate(failed[0], kind, tool, args, measure), severity=severity)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Failures with a signature, of all calls of the tool or all spans of the kind."""
        kind, tool = SpanKind[str(args["kind"])], str(args["tool"])
        if tool:
            of = window.once(tool_populations).get(tool, NOBODY)
        else:
            of = window.once(kind_populations).get(kind, NOBODY)
        if "category" in args:
            rare = rare_signatures(window, int(str(args["rarer_than"]))).get((kind, tool, str(args["category"])), {})
            return measure_population(window, of, [each for failed in rare.values() for each in failed], by_error=True)
        failed = window.once(signatures).get((kind, tool, str(args["error_type"]), str(args["template"])), ())
        return measure_population(window, of, failed)


_TITLE_CHARS = 60


def _candidate(failure: Failure, kind: SpanKind, tool: str, args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    found = classify(kind, failure.error_type, failure.template)
    said = failure.template or failure.error_type or "no error text"
    noun = "call" if tool else _NOUNS.get(kind, "span")
    symptom = f"{tool} fails with" if tool else "Error"
    return Candidate(
        detector="error_signatures",
        category=found.category,
        owner=found.owner,
        severity="medium",
        subject=tool or kind.name,
        cause=failure.cause,
        args=args,
        title=f"{symptom} {quoted(said, _TITLE_CHARS)} in {fraction(measure, noun)}",
        explanation=sentence(f"{symptom} {quoted(said)} in {rated(measure, noun)}.", contrast(measure.splits)),
        fix=_fix(found, tool, measure),
        exemplars=(),
        quote_fields=("error", "arguments"),
        precedence=40,
        family="failure",
        acceptance=acceptance_text(tool) if tool else f"share of {noun}s with this error < 1 % over ≥ 100 {noun}s",
    )


def _rare_candidate(
    rare: Mapping[Signature, Sequence[Failure]], args: Mapping[str, Scalar], measure: Measure
) -> Candidate:
    (kind, tool, error_type, template), category = min(rare), str(args["category"])
    found = classify(kind, error_type, template)
    noun = "call" if tool else _NOUNS.get(kind, "span")
    each = "each seen once" if args["rarer_than"] == 2 else f"each seen in fewer than {args['rarer_than']} {noun}s"
    subject = f"{tool} fails" if tool else f"{noun.capitalize()}s fail"
    what = f"{len(rare)} different errors of the class “{category.replace('_', ' ')}”, {each}"
    return Candidate(
        detector="error_signatures",
        category=category,
        owner=found.owner,
        severity="low",
        subject=tool or kind.name,
        cause=f"rare errors: {category}",
        args=args,
        title=f"{subject} with {what}",
        explanation=f"{subject} with {what}: together in {rated(measure, noun)}.",
        fix=_fix(found, tool, measure),
        exemplars=(),
        quote_fields=("error", "arguments"),
        precedence=38,
        scattered=True,
        confidence="medium",
        acceptance=f"share of {noun}s with such errors < 1 % over ≥ 100 {noun}s",
    )


def _fix(found: ErrorClass, tool: str, measure: Measure) -> str:
    return repair_text(tool, found, measure) if tool else found.fix
