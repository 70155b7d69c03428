"""Verdicts recorded with a span: scores and labels that an evaluator gave it.

OpenTelemetry GenAI sends them as `gen_ai.evaluation.result`, a span event or a log record that is joined to its span as
one (`domain.log_events`); OpenInference as attributes, flattened under an index. Sources: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/
and https://arize-ai.github.io/openinference/spec/.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from domain.dialects_values import read_number, read_text
from domain.otlp import AnyValue, KeyValue, Span

EVENT = "gen_ai.evaluation.result"
_GENAI = {
    "name": "gen_ai.evaluation.name",
    "score": "gen_ai.evaluation.score.value",
    "label": "gen_ai.evaluation.score.label",
    "explanation": "gen_ai.evaluation.explanation",
}
_FLAT = re.compile(r"(?:(trace|session)\.)?evaluations\.(\d{1,4})\.evaluation\.(name|score|label|explanation)")
_FLAT_STARTS = ("evaluations.", "trace.evaluations.", "session.evaluations.")
_MAX_EVALUATIONS = 100


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One verdict; `of` is what it judges: "span", "trace" or "session". The scale of a score is the evaluator's."""

    name: str
    score: float | None
    label: str | None
    explanation: str | None
    of: str = "span"


def evaluations(span: Span) -> tuple[Evaluation, ...]:
    """All verdicts on a span, of its attributes and of its events."""
    found = [*_flat(span.attributes)]
    for event in span.events:
        if event.name == EVENT:
            said = {item.key: item.value for item in event.attributes}
            found += _evaluation({part: said[key] for part, key in _GENAI.items() if key in said})
    return tuple(found[:_MAX_EVALUATIONS])


def _flat(attributes: Iterable[KeyValue]) -> Iterator[Evaluation]:
    parts: dict[tuple[str, int], dict[str, AnyValue]] = {}
    for item in attributes:
        if item.key.startswith(_FLAT_STARTS) and (at := _FLAT.fullmatch(item.key)):
            parts.setdefault((at[1] or "span", int(at[2])), {})[at[3]] = item.value
    for of, index in sorted(parts):
        yield from _evaluation(parts[of, index], of)


def _evaluation(parts: Mapping[str, AnyValue], of: str = "span") -> Iterator[Evaluation]:
    """The verdict in these parts; none without a name."""
    name = read_text(parts.get("name", _UNSET))
    if name:
        label, explanation = (parts.get(part, _UNSET) for part in ("label", "explanation"))
        score = read_number(parts.get("score", _UNSET))
        yield Evaluation(name, score, read_text(label), explanation.string_value or None, of)


_UNSET = AnyValue()
