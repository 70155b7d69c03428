"""A span in one schema whatever its dialect: the full record, for display, filters and analysis.

The index (`domain.semconv`) keeps a few columns of every span received; this is everything else the same table
knows, read when somebody asks. Messages and other content are read by `domain.content`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.dialects import DETAILS, OTEL, OTHERS, TABLE
from domain.dialects_evaluations import Evaluation, evaluations
from domain.dialects_fields import amount_of_field, count_of_field, text_of_field
from domain.dialects_kinds import KINDS, SIGNS
from domain.dialects_values import read_text
from domain.otlp import AnyValue, InstrumentationScope, Resource, Span
from domain.semconv import ERROR_KEYS, recorded_exception, resource_index, span_index
from domain.spans import SpanIndex, SpanKind, SpanStatus

_Said = Mapping[str, AnyValue]
_HANDOFF_NAME = "handoff to "  # how OpenInference names the TOOL span of a handoff, which names no tool
_HANDOFF_CONTENT = ("input.value", "output.value")
_DIALECTS: Mapping[str, str] = {
    **{key: dialect for keys in TABLE.values() for key, dialect in keys.items()},
    **{key: dialect for key, (dialect, _) in DETAILS.items()},
    **{key: dialect for key, (dialect, _) in SIGNS.items()},
    **{key: told.dialect for key, told in KINDS.items()},
}
_KNOWN = frozenset(_DIALECTS).union(ERROR_KEYS, _HANDOFF_CONTENT)


@dataclass(frozen=True, slots=True)
class Handoff:
    """One agent passing the work to another; a name is None when only the other one was recorded."""

    from_agent: str | None
    to_agent: str | None


@dataclass(frozen=True, slots=True)
class SpanError:
    """Why a span failed; either may be empty."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class NormalisedSpan:
    """All scalars of a span; None where it says nothing.

    Cached and reasoning tokens are as the emitter counted them: they are never added to input or output, which in
    most dialects contain them already. Only leaf LLM spans may be summed up: others repeat what is below them.
    """

    kind: SpanKind
    dialects: tuple[str, ...]
    instrumentation: str
    service: str
    agent_id: str | None
    agent_name: str | None
    session: str | None
    user: str | None
    provider: str | None
    model: str | None  # what answered, else what was asked for
    request_model: str | None
    response_model: str | None
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    tool: str | None
    tool_call_id: str | None
    task: str | None  # the task or intent that it names
    max_steps: int | None  # that an agent may take
    handoff: Handoff | None
    error: SpanError | None
    evaluations: tuple[Evaluation, ...]

    @property
    def agent(self) -> str:
        """What the span is grouped by: its agent's name or id, else its service."""
        return self.agent_name or self.agent_id or self.service


def normalise(span: Span, resource: Resource, scope: InstrumentationScope) -> NormalisedSpan:
    """The full record of a span; no attribute value of any type makes it raise."""
    row = span_index(span, resource_index(resource), 0)
    said: dict[str, AnyValue] = {}
    for item in span.attributes:
        if item.key in _KNOWN:
            said.setdefault(item.key, item.value)
    spoken = {_DIALECTS[key] for key in said if key in _DIALECTS}.difference((OTEL, OTHERS))
    return NormalisedSpan(
        kind=row.kind,
        dialects=tuple(sorted(spoken)),
        instrumentation=scope.name,
        service=row.service,
        agent_id=row.agent_id,
        agent_name=row.agent_name,
        session=row.session,
        user=text_of_field(said, "user"),
        provider=row.provider,
        model=row.model,
        request_model=text_of_field(said, "request_model"),
        response_model=text_of_field(said, "response_model"),
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        total_tokens=_total(said, row),
        cache_read_tokens=count_of_field(said, "cache_read_tokens"),
        cache_write_tokens=count_of_field(said, "cache_write_tokens"),
        reasoning_tokens=count_of_field(said, "reasoning_tokens"),
        cost_usd=amount_of_field(said, "cost_usd"),
        tool=row.tool,
        tool_call_id=text_of_field(said, "tool_call_id"),
        task=text_of_field(said, "task"),
        max_steps=count_of_field(said, "max_steps"),
        handoff=_handoff(said, row),
        error=_error(span, said) if row.status is SpanStatus.ERROR else None,
        evaluations=evaluations(span),
    )


def _total(said: _Said, row: SpanIndex) -> int | None:
    total = count_of_field(said, "total_tokens")
    if total is None and row.input_tokens is not None and row.output_tokens is not None:
        return row.input_tokens + row.output_tokens
    return total


def _handoff(said: _Said, row: SpanIndex) -> Handoff | None:
    """From attributes of its own, or from the span OpenInference makes of one."""
    source, target = (text_of_field(said, field) for field in ("handoff_from", "handoff_to"))
    if source is None and target is None and row.kind is SpanKind.TOOL and row.name.startswith(_HANDOFF_NAME):
        source, target = (read_text(said[key]) if key in said else None for key in _HANDOFF_CONTENT)
        target = target or row.name.removeprefix(_HANDOFF_NAME) or None
    return Handoff(source, target) if source or target else None


def _error(span: Span, said: _Said) -> SpanError:
    kind, message = recorded_exception(span)
    texts = {key: said[key].string_value for key in ERROR_KEYS if key in said}
    told = span.status.message or texts.get("langfuse.observation.status_message")
    return SpanError(kind or texts.get("error.type", ""), told or message or texts.get("error.message", ""))
