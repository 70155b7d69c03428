"""How a tool fails: the counts and sentences that the detectors of failing tools share."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from analysis.detecting import Measure, SplitCount
from analysis.error_classes import ErrorClass, classify
from analysis.facts import FactWindow
from analysis.failures import Failure, failed_calls
from analysis.groups import calls_of, refs, with_issuers
from analysis.phrases import quoted, rated, sentence
from analysis.splitting import (
    NO_ARGUMENTS,
    NOBODY,
    NOT_RECORDED,
    Population,
    contrast,
    population,
    splits,
    tool_populations,
)
from domain.spans import SpanKind

_MAX_ERROR_SPLITS = 10


class Dominant(NamedTuple):
    """The commonest cause among failures, and how many have it."""

    failure: Failure
    calls: int

    @property
    def error_class(self) -> ErrorClass:
        """What kind of failure it is."""
        return classify(SpanKind.TOOL, self.failure.error_type, self.failure.template)


def failures_of(window: FactWindow, tool: str, service: str = "") -> Sequence[Failure]:
    """The failed calls of a tool, of one service or of all."""
    found = window.once(failed_calls).get(tool, ())
    return [failure for failure in found if failure.span.service == service] if service else found


def dominant(found: Iterable[Failure]) -> Dominant | None:
    """The commonest cause; of equally common ones the first by text, so that the answer is stable."""
    by_cause: dict[str, Failure] = {}
    counts: Counter[str] = Counter()
    for failure in found:
        by_cause.setdefault(failure.cause, failure)
        counts[failure.cause] += 1
    if not counts:
        return None
    cause, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return Dominant(by_cause[cause], count)


def measure_failures(window: FactWindow, tool: str, service: str, *, by_error: bool) -> Measure:
    """Failed calls of all calls of a tool; wasted are the failed calls and the LLM spans that asked for them."""
    failed = failures_of(window, tool, service)
    if service:
        of = population(calls_of(window, tool, service), ("argument_keys", "version"))
    else:
        of = window.once(tool_populations).get(tool, NOBODY)
    return measure_population(window, of, failed, by_error=by_error)


def measure_population(
    window: FactWindow, of: Population, failed: Sequence[Failure], *, by_error: bool = False
) -> Measure:
    """Failures of a population with its splits and, if asked for, by error text."""
    spans = [failure.span for failure in failed]
    found = splits(of, spans)
    if by_error:
        keys = tuple(split for split in found if split.by == "argument_keys")
        found = (*keys, *_by_error(failed, of.size), *found[len(keys) :])
    return Measure(refs(spans), of.size, of.traces, with_issuers(window, spans), found)


def _by_error(failed: Sequence[Failure], calls: int) -> tuple[SplitCount, ...]:
    counts = Counter(failure.template or failure.error_type for failure in failed)
    if len(counts) < 2:
        return ()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(SplitCount("error", text, count, calls) for text, count in ordered[:_MAX_ERROR_SPLITS])


def failing_calls_text(tool: str, measure: Measure) -> str:
    """Symptom and what separates failures from successes."""
    return sentence(f"{tool} fails in {rated(measure, 'call')}.", contrast(measure.splits))


def commonest_text(worst: Dominant, measure: Measure) -> str:
    """What most of the failures say."""
    text = worst.failure.template or worst.failure.error_type
    if not text:
        return "The failures say nothing of their cause."
    if worst.calls == len(measure.affected):
        return f"All failures say {quoted(text)}."
    return f"{worst.calls} of the {len(measure.affected)} failures say {quoted(text)}."


def repair_text(tool: str, found: ErrorClass, measure: Measure) -> str:
    """Who changes what, and how to see the failure again."""
    tried = [split for split in measure.splits if split.by == "argument_keys" and split.value != NOT_RECORDED]
    failing = [split for split in tried if split.affected]
    keys = f" (argument keys {failing[0].value})" if failing else ""
    reproduce = f"To reproduce, call {tool} with the arguments of the first exemplar{keys}."
    if [split.value for split in tried if not split.affected] == [NO_ARGUMENTS] and len(tried) > 1:
        return f"{_without_arguments(tool)} {reproduce}"
    return f"{found.fix} {reproduce}"


def _without_arguments(tool: str) -> str:
    return (
        f"Tool definition: {tool} takes no arguments; declare an object without properties and with "
        '"additionalProperties": false, and say in its description that it is called with {}. '
        f"Harness: drop whatever arguments the model sends to {tool} before calling it."
    )


def acceptance_text(tool: str) -> str:
    """When a failing tool counts as mended."""
    return f"error rate of {tool} < 5 % over ≥ 50 calls"
