"""After an error the same thing is tried again and fails in the same way.

Counts: within one scope, a call that directly follows a failed one of the same tool (or a model call that
directly follows a failed one) is a retry; affected are the retries that fail with the same error text, of
all retries after that error. The splits show whether other arguments or a longer pause helped.
Excluded: retries inside an SDK that leave no span.
Known false positives: retries that a person asked for.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.error_classes import classify
from analysis.facts import FactWindow, SpanFact
from analysis.failures import Failure, failures
from analysis.groups import refs, tool_sequences, with_issuers
from analysis.phrases import plural, quoted, rated, sentence
from analysis.splitting import measured, split_by
from domain.report import Scalar
from domain.spans import SpanKind

Signature = tuple[str, str, str, str]
"""(kind, tool, error type, template)."""


class Config(DetectorConfig):
    """When retries are worth a finding."""

    min_retries: int = Field(1, ge=1, description="Fewest fruitless retries that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return RetryStorm(config)


class Retry(NamedTuple):
    """A call that directly follows a failure of the same sort."""

    before: SpanFact
    again: SpanFact
    fruitless: bool


def retries(window: FactWindow) -> Mapping[Signature, Sequence[Retry]]:
    """Retries by the signature of the failure before them."""
    failed = window.once(failures)
    found: dict[Signature, list[Retry]] = defaultdict(list)
    for sequence in (*window.once(tool_sequences).values(), *_model_sequences(window)):
        for before, again in pairwise(sequence):
            failure = failed.get(before.ref)
            if failure is not None and before.tool == again.tool:
                other = failed.get(again.ref)
                is_fruitless = other is not None and other.cause == failure.cause
                found[_signature(failure)].append(Retry(before, again, is_fruitless))
    return found


def _model_sequences(window: FactWindow) -> Iterable[Sequence[SpanFact]]:
    by_scope: dict[tuple[str, str], list[SpanFact]] = defaultdict(list)
    for span in window.llm_calls:
        by_scope[span.trace_id, span.scope_id].append(span)
    return by_scope.values()


def _signature(failure: Failure) -> Signature:
    return failure.span.kind.name, failure.span.tool, failure.error_type, failure.template


class RetryStorm(Detector):
    """Looks at what follows a failure."""

    name = "retry_storm"
    requires = ()

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each error that retries repeat."""
        for (kind, tool, error_type, template), found in window.once(retries).items():
            if sum(retry.fruitless for retry in found) >= self._config.min_retries:
                args: dict[str, Scalar] = {"kind": kind, "tool": tool, "error_type": error_type, "template": template}
                yield _candidate(args, self.measure(window, args))

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Fruitless retries of all retries after this error."""
        key = (str(args["kind"]), str(args["tool"]), str(args["error_type"]), str(args["template"]))
        found = window.once(retries).get(key, ())
        spans = [retry.again for retry in found]
        fruitless = [retry.again for retry in found if retry.fruitless]
        before = {retry.again.ref: retry.before for retry in found}
        affected = refs(fruitless)
        own = (
            *split_by("arguments", spans, affected, lambda span: _arguments(before[span.ref], span)),
            *split_by("pause", spans, affected, lambda span: _pause(before[span.ref], span)),
        )
        return measured(spans, fruitless, with_issuers(window, fruitless), own=own)


def _arguments(before: SpanFact, again: SpanFact) -> str:
    if not (before.arguments_hash and again.arguments_hash):
        return ""
    return "same" if before.arguments_hash == again.arguments_hash else "changed"


def _pause(before: SpanFact, again: SpanFact) -> str:
    seconds = (again.start_ns - (before.end_ns or before.start_ns)) / 1e9
    return "< 1 s" if seconds < 1 else "1–10 s" if seconds < 10 else "≥ 10 s"


def _candidate(args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    tool, template, kind = str(args["tool"]), str(args["template"]), SpanKind[str(args["kind"])]
    subject = tool or "a model call"
    error_class = classify(kind, str(args["error_type"]), template)
    said = template or str(args["error_type"])
    return Candidate(
        detector="retry_storm",
        category="retry_storm",
        owner="harness",
        severity="medium",
        subject=tool or kind.name,
        cause=f"{args['error_type']}|{template}",
        args=args,
        title=f"Retries of {subject} fail the same way: {plural(len(measure.affected), 'fruitless retry')}",
        explanation=sentence(
            f"Retries of {subject} after {quoted(said)} fail the same way in {rated(measure, 'retry')}."
        ),
        fix=f"Harness: do not retry an error that retrying does not mend. {error_class.fix}",
        exemplars=(),
        quote_fields=("error", "arguments"),
        precedence=35,
        acceptance=f"fruitless retries of {subject} < 5 % over ≥ 50 calls",
    )
