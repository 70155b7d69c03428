"""One table of semantic conventions, and the span index read with it.

Agents speak several dialects; each field below lists its attribute keys, the most specific first, and of
several present the first one counts. Dialects so far: inference.*, OpenInference, OpenTelemetry GenAI
(current, and the names before 1.37). Sources: https://arize-ai.github.io/openinference/spec/ and
https://opentelemetry.io/docs/specs/semconv/gen-ai/.

This runs once for every span received: each attribute key is looked at once, and only the values needed
are opened.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from domain.masking import template
from domain.otlp import AnyValue, KeyValue, Resource, Span
from domain.spans import SpanIndex, SpanKind, SpanStatus

FIELDS: Mapping[str, tuple[str, ...]] = {
    "agent_id": ("inference.agent_id", "gen_ai.agent.id", "agent.id"),
    "agent_name": ("inference.agent_name", "gen_ai.agent.name", "agent.name"),
    "session": ("inference.session_id", "session.id", "gen_ai.conversation.id"),
    "provider": (
        "inference.llm.provider",
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.provider",
        "llm.system",
    ),
    "model": (
        "inference.llm.model_name",
        "gen_ai.response.model",
        "gen_ai.request.model",
        "llm.response.model_name",
        "llm.model_name",
        "llm.request.model_name",
        "embedding.model_name",
        "reranker.model_name",
    ),
    "input_tokens": (
        "inference.llm.input_tokens",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
    ),
    "output_tokens": (
        "inference.llm.output_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
    ),
    "tool": ("gen_ai.tool.name", "tool.name"),
    "kind": ("inference.observation_kind", "openinference.span.kind"),
    "operation": ("gen_ai.operation.name",),
}

_OPERATION_KINDS: Mapping[str, SpanKind] = {
    "chat": SpanKind.LLM,
    "generate_content": SpanKind.LLM,
    "text_completion": SpanKind.LLM,
    "embeddings": SpanKind.EMBEDDING,
    "retrieval": SpanKind.RETRIEVER,
    "execute_tool": SpanKind.TOOL,
    "create_agent": SpanKind.AGENT,
    "invoke_agent": SpanKind.AGENT,
    "invoke_workflow": SpanKind.CHAIN,
}
_EXPLICIT_KINDS: Mapping[str, SpanKind] = {kind.name: kind for kind in SpanKind} | {"SPAN": SpanKind.UNKNOWN}
_KINDS = {value.casefold(): kind for value, kind in _EXPLICIT_KINDS.items()}
_STATUS = (SpanStatus.UNSET, SpanStatus.OK, SpanStatus.ERROR)
_NAME_MAX_CHARS = 200


class ResourceIndex(NamedTuple):
    """What the index needs of a resource; computed once for all its spans."""

    service: str
    version: str


def resource_index(resource: Resource) -> ResourceIndex:
    """The service a resource names; `unknown_service` without a name, as the resource conventions say."""
    found = {item.key: item.value.string_value for item in resource.attributes if item.key.startswith("service.")}
    service = found.get("service.name") or "unknown_service"
    return ResourceIndex(service[:_NAME_MAX_CHARS], found.get("service.version", "")[:_NAME_MAX_CHARS])


def span_index(span: Span, resource: ResourceIndex, size_bytes: int) -> SpanIndex:
    """The index row of a span; `size_bytes` is the length of its encoding."""
    found = _find(span.attributes)
    code = span.status.code
    status = _STATUS[code] if 0 <= code <= 2 else SpanStatus.UNSET
    parent_id = span.parent_span_id
    said = found.get
    return SpanIndex(
        span.trace_id,
        span.span_id,
        parent_id if parent_id.strip(b"\0") else b"",
        resource.service,
        span.name[:_NAME_MAX_CHARS],
        _kind(found),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        status,
        said("agent_id", _NOTHING)[1],
        said("agent_name", _NOTHING)[1],
        said("session", _NOTHING)[1],
        said("provider", _NOTHING)[1],
        said("model", _NOTHING)[1],
        said("input_tokens", _NOTHING)[1],
        said("output_tokens", _NOTHING)[1],
        said("tool", _NOTHING)[1],
        template(error_text(span)) if status is SpanStatus.ERROR else None,
        size_bytes,
    )


def _text(value: AnyValue) -> str | None:
    return value.string_value[:_NAME_MAX_CHARS] or None


def _token_count(value: AnyValue) -> int | None:
    """A token count, whatever number type the emitter chose; None when negative or no number."""
    count = value.int_value
    if not count:
        which = value.WhichOneof("value")
        if which == "double_value" and 0 <= value.double_value < 2**53:
            count = int(value.double_value)
        elif which == "string_value" and value.string_value.isdecimal():
            count = int(value.string_value[:18])
        elif which != "int_value":
            return None
    return count if count >= 0 else None


# Key → its field, its rank among the field's keys, and how its value is read.
_RANKED: Mapping[str, tuple[str, int, Callable[[AnyValue], Any]]] = {
    key: (field, rank, _token_count if field.endswith("_tokens") else _text)
    for field, keys in FIELDS.items()
    for rank, key in enumerate(keys)
}
_NOTHING = (0, None)
_Found = dict[str, tuple[int, Any]]


def _find(attributes: Iterable[KeyValue]) -> _Found:
    """For every field the rank and value of its best key that holds something."""
    found: _Found = {}
    for item in [item for item in attributes if item.key in _RANKED]:
        field, rank, read = _RANKED[item.key]
        known = found.get(field)
        if known is None or rank < known[0]:
            value = read(item.value)
            if value is not None:
                found[field] = (rank, value)
    return found


def _kind(found: _Found) -> SpanKind:
    """Explicit kind, else the GenAI operation, else a tool name means TOOL and a model means LLM."""
    if (explicit := found.get("kind")) is not None:
        kind = _KINDS.get(explicit[1].casefold())
        if kind:
            return kind
    if (operation := found.get("operation")) is not None:
        kind = _OPERATION_KINDS.get(operation[1])
        if kind is not None:
            return kind
    if "tool" in found:
        return SpanKind.TOOL
    return SpanKind.LLM if "model" in found and "operation" not in found and "kind" not in found else SpanKind.UNKNOWN


def error_text(span: Span) -> str:
    """What a span says of its error: status message, else last exception event, else error.type."""
    if span.status.message:
        return span.status.message
    for event in reversed(span.events):
        if event.name == "exception":
            said = {item.key: item.value.string_value for item in event.attributes}
            kind, message = said.get("exception.type", ""), said.get("exception.message", "")
            if kind or message:
                return f"{kind}: {message}" if kind and message else kind or message
    return next((item.value.string_value for item in span.attributes if item.key == "error.type"), "")
