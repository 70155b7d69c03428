"""Verdicts recorded with a span: scores and labels that an evaluator gave it.

OpenTelemetry GenAI sends them as `gen_ai.evaluation.result`, a span event or a log record that is joined to its span as
one (`domain.log_events`); OpenInference as attributes, flattened under an index, evaluations and a person's annotations
alike; benchmarks and applications state a reward or a user's rating. Sources:
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/ and
https://arize-ai.github.io/openinference/spec/feedback/annotations.html.
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
_FLAT = re.compile(
    r"(?:(trace|session)\.)?(evaluation|annotation)s\.(\d{1,4})\.(?:evaluation|annotation)"
    r"\.(name|score|label|explanation)"
)
FLAT_STARTS = tuple(f"{of}{form}s." for of in ("", "trace.", "session.") for form in ("evaluation", "annotation"))
"""How the keys of flattened verdicts begin."""
STATED = frozenset(
    ("reward", "eval.reward", "evaluation.reward", "eval.score", "evaluation.score", "eval.passed", "evaluation.passed")
).union(("feedback.score", "feedback.rating", "user_feedback", "user.feedback"))
"""Attributes that are a verdict on the whole trace by themselves; the key is its name."""
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
    found = [*_stated(span.attributes), *_flat(span.attributes)]
    for event in span.events:
        if event.name == EVENT:
            said = {item.key: item.value for item in event.attributes}
            found += _evaluation({part: said[key] for part, key in _GENAI.items() if key in said})
    return tuple(found[:_MAX_EVALUATIONS])


def _stated(attributes: Iterable[KeyValue]) -> Iterator[Evaluation]:
    for item in attributes:
        if item.key in STATED:
            value = item.value
            score = float(value.bool_value) if value.HasField("bool_value") else read_number(value)
            label = read_text(value) if score is None else None
            if score is not None or label:
                yield Evaluation(item.key, score, label, None, "trace")


def _flat(attributes: Iterable[KeyValue]) -> Iterator[Evaluation]:
    parts: dict[tuple[str, str, int], dict[str, AnyValue]] = {}
    for item in attributes:
        if item.key.startswith(FLAT_STARTS) and (at := _FLAT.fullmatch(item.key)):
            parts.setdefault((at[1] or "span", at[2], int(at[3])), {})[at[4]] = item.value
    for of, form, index in sorted(parts, key=lambda place: (place[0], place[1] == "annotation", place[2])):
        yield from _evaluation(parts[of, form, index], of)


def _evaluation(parts: Mapping[str, AnyValue], of: str = "span") -> Iterator[Evaluation]:
    """The verdict in these parts; none without a name."""
    name = read_text(parts.get("name", _UNSET))
    if name:
        label, explanation = (parts.get(part, _UNSET) for part in ("label", "explanation"))
        score = read_number(parts.get("score", _UNSET))
        yield Evaluation(name, score, read_text(label), explanation.string_value or None, of)


_UNSET = AnyValue()
