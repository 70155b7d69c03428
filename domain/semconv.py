"""The span index, read with the one table of semantic conventions (`domain.dialects`).

This runs once for every span received, so each attribute key is looked up once, only values that may count are
opened, and JSON is parsed only for token counts that no plain attribute gives.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from domain.dialects import DETAILS, FIELDS, NO_SIGN_OF_AN_LLM
from domain.dialects_kinds import KINDS, SIGNS, KindKey
from domain.dialects_values import TEXT_MAX_CHARS, count_at, read_count, read_object, read_text, text_reader
from domain.masking import template
from domain.otlp import AnyValue, KeyValue, Resource, Span, any_value
from domain.spans import SPAN_ID_BYTES, SpanIndex, SpanKind, SpanStatus

__all__ = [
    "ERROR_KEYS",
    "FIELDS",
    "PLACES",
    "UNASKED",
    "JsonIndex",
    "Places",
    "ResourceIndex",
    "attributes_of",
    "error_text",
    "json_index",
    "places_with",
    "recorded_exception",
    "resource_index",
    "span_index",
]

ERROR_KEYS = frozenset({"langfuse.observation.status_message", "error.message", "error.type"})
_STATUS = (SpanStatus.UNSET, SpanStatus.OK, SpanStatus.ERROR)
_NO_PARENT = bytes(SPAN_ID_BYTES)

_COLUMNS = ("agent_id", "agent_name", "session", "provider", "model", "input_tokens", "output_tokens", "tool")
_SIGNS = {"agent_sign": SpanKind.AGENT, "tool_sign": SpanKind.TOOL}
_SLOTS = (*_COLUMNS, "entity", "group", "level", "kind", *_SIGNS)
_AGENT, _MODEL, _TOOL = (_SLOTS.index(field) for field in ("agent_name", "model", "tool"))
_ENTITY, _GROUP, _LEVEL, _KIND, _AGENT_SIGN, _TOOL_SIGN = range(len(_COLUMNS), len(_SLOTS))
_SHOWN, _COUNTS = slice(len(_COLUMNS)), slice(_SLOTS.index("input_tokens"), _SLOTS.index("output_tokens") + 1)
_SHORT = slice(TEXT_MAX_CHARS)
_AGENT_KIND, _TOOL_KIND, _UNSET, _ERROR = SpanKind.AGENT, SpanKind.TOOL, SpanStatus.UNSET, SpanStatus.ERROR
_NOTHING: list[Any] = [None] * len(_SLOTS)
_NO_RANK = 1_000
_ASKED = _NO_RANK + 1
_NO_RANKS = [_NO_RANK] * len(_SLOTS)
_MAX_COUNT = 2**63

_EXPLICIT = tuple(KINDS)[: tuple(KINDS).index("ai.operationId")]
_NAMED_BY_SPAN = frozenset(rank for rank, key in enumerate(KINDS.values()) if key.names_by_span)
_MODEL_SIGNS = sum(key not in NO_SIGN_OF_AN_LLM for key in FIELDS["model"])
_COUNTED = {key: paths for key, (_, paths) in DETAILS.items() if "input_tokens" in paths}


class ResourceIndex(NamedTuple):
    """What the index needs of a resource; computed once for all its spans."""

    service: str
    version: str


def resource_index(resource: Resource) -> ResourceIndex:
    """The service a resource names; `unknown_service` without a name, as the resource conventions say."""
    found = {item.key: item.value.string_value for item in resource.attributes if item.key.startswith("service.")}
    service = found.get("service.name") or "unknown_service"
    return ResourceIndex(service[:TEXT_MAX_CHARS], found.get("service.version", "")[:TEXT_MAX_CHARS])


_Reader = Callable[[AnyValue], Any]
_Words = Mapping[str, SpanKind]
# Where a key's value goes: its slot, and its rank among the slot's keys; JSON has no rank, it only fills gaps. Then how
# the value is read at once (None: as text; empty: as a count; else: as one of these words) and how otherwise. A plain
# tuple, which unpacks faster than one with names.
_Place = tuple[int, int, _Words | None, _Reader]
_UNREAD: _Words = {}  # as a count: the text, which may be long, is not opened
_NEVER_AT_ONCE: _Words = {"": SpanKind.UNKNOWN}


def _is_there(_: AnyValue) -> bool:
    return True


def _kind_place(rank: int, key: KindKey) -> _Place:
    """Words are found at once as they are usually written: as in the table, or all in capitals."""
    folded = {word.casefold(): kind for word, kind in key.words.items()}

    def otherwise(value: AnyValue) -> SpanKind | None:
        return folded.get(value.string_value[:TEXT_MAX_CHARS].casefold().strip('" ').partition(" ")[0])

    return _KIND, rank, {word.upper(): kind for word, kind in key.words.items()} | dict(key.words), otherwise


def _places(slot: int, field: str) -> dict[str, _Place]:
    if field == "kind":
        return {key: _kind_place(rank, told) for rank, (key, told) in enumerate(KINDS.items())}
    if field in _SIGNS:
        signs = [key for key, (_, kind) in SIGNS.items() if kind is _SIGNS[field]]
        return {key: (slot, rank, _UNREAD, _is_there) for rank, key in enumerate(signs)}
    if field.endswith("_tokens"):
        return {key: (slot, rank, _UNREAD, read_count) for rank, key in enumerate(FIELDS[field])}
    readers = {key: text_reader(key) for key in FIELDS[field]}
    return {
        key: (slot, rank, None if read is read_text else _NEVER_AT_ONCE, read)
        for rank, (key, read) in enumerate(readers.items())
    }


Places = Mapping[str, _Place]
PLACES: Places = {key: (0, _NO_RANK, None, read_object) for key in _COUNTED} | {
    key: place for slot, field in enumerate(_SLOTS) for key, place in _places(slot, field).items()
}
"""The table that `span_index` reads a span with."""
UNASKED: dict[str, KeyValue] = {}
"""Where nothing is asked for beside the index, nothing is put; never written to."""


def places_with(keys: Collection[str]) -> Places:
    """The table of the index, and keys whose attributes are wanted beside it; none of them may be in the table.

    A walk of its own over a span's attributes would take nearly as long as the index.
    """
    return {**{key: (0, _ASKED, None, read_object) for key in keys}, **PLACES}


def attributes_of(span: Span, keys: Collection[str]) -> dict[str, KeyValue]:
    """The attributes with these keys, of several with one key the last: what `span_index` puts beside a row."""
    return {item.key: item for item in span.attributes if item.key in keys}


def span_index(
    span: Span, resource: ResourceIndex, size_bytes: int, places: Places = PLACES, asked: dict[str, KeyValue] = UNASKED
) -> SpanIndex:
    """The index row of a span; `size_bytes` is the length of its encoding.

    A parent id that is no span id (trace.proto: 8 bytes, not all zero) counts as none. A span whose status is not
    set is in error when its dialect says so. What `places` asks for beside the index is put into `asked`.
    """
    values, ranks, has_details = _NOTHING[:], _NO_RANKS[:], False
    for item in span.attributes:
        if (key := item.key) in places:
            slot, rank, words, otherwise = places[key]
            if rank < ranks[slot]:
                said = item.value
                value: Any
                if words is None:
                    value = said.string_value[_SHORT] or otherwise(said)
                elif words:
                    value = words.get(said.string_value) or otherwise(said)
                else:
                    value = count if (count := said.int_value) > 0 else otherwise(said)
                if value is not None:
                    values[slot] = value
                    ranks[slot] = rank
            elif rank == _ASKED:
                asked[key] = item
            elif rank == _NO_RANK:
                has_details = True
    if has_details and None in values[_COUNTS]:
        values[_COUNTS] = _counted(span.attributes, *values[_COUNTS])
    name, kind = span.name[_SHORT], values[_KIND]
    is_unnamed = (kind is _TOOL_KIND and values[_TOOL] is None) or (kind is _AGENT_KIND and values[_AGENT] is None)
    kind = _settle(span, name, values, ranks) if kind is None or is_unnamed else kind
    code, parent_id = span.status.code, span.parent_span_id
    status = _STATUS[code] if 0 < code <= 2 else _UNSET if values[_LEVEL] != "ERROR" else _ERROR
    row = (
        span.trace_id,
        span.span_id,
        parent_id if len(parent_id) == SPAN_ID_BYTES and parent_id != _NO_PARENT else b"",
        resource.service,
        name,
        kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        status,
        *values[_SHOWN],
        template(error_text(span)) if status is _ERROR else None,
        size_bytes,
    )
    return tuple.__new__(SpanIndex, row)  # its own constructor takes four times as long


class JsonIndex(NamedTuple):
    """What `span_index` finds in attributes, of attributes that are still JSON; `shown` are the columns they fill."""

    name: str
    kind: SpanKind
    is_error: bool
    shown: list[Any]


def json_index(said: Mapping[str, Any], name: str) -> JsonIndex | None:
    """The index of a span with these attributes and this name; None when they need a closer look.

    A walk of its own, since making a span of them first would take five times as long. The keys of spans are mostly
    those of other spans, so what counts among them, and in which order, is found out once.
    """
    candidates = _candidates(tuple(said))
    if candidates is None:
        return None
    values, ranks, settled = _NOTHING[:], _NO_RANKS[:], -1
    for slot, rank, key, words, otherwise in candidates:
        if slot == settled:
            continue
        found = said[key]
        value: Any
        if type(found) is str and found and words is not _UNREAD:
            value = found[_SHORT] if words is None else words.get(found) or otherwise(any_value(found))
        elif type(found) is int and words is _UNREAD and 0 < found < _MAX_COUNT and otherwise is not _is_there:
            value = found
        elif isinstance(found, dict | list):
            return None
        else:
            value = otherwise(any_value(found))
        if value is not None:
            values[slot], ranks[slot], settled = value, rank, slot
    kind, short = values[_KIND], name[_SHORT]
    if (
        kind is None
        or (kind is _TOOL_KIND and values[_TOOL] is None)
        or (kind is _AGENT_KIND and values[_AGENT] is None)
    ):
        pairs = [KeyValue(key=key, value=any_value(said[key])) for key in _EXPLICIT if key in said]
        kind = _settle(Span(attributes=pairs), short, values, ranks)
    return JsonIndex(short, kind, values[_LEVEL] == "ERROR", values[_SHOWN])


@lru_cache(maxsize=1_024)
def _candidates(keys: tuple[str, ...]) -> list[tuple[int, int, str, _Words | None, _Reader]] | None:
    """The keys that the index reads, by slot and rank; None when some of them hold details in JSON."""
    found = [(slot, rank, key, *rest) for key in keys if key in PLACES for slot, rank, *rest in (PLACES[key],)]
    if any(rank == _NO_RANK for _, rank, *_ in found):
        return None
    return sorted(found, key=lambda place: place[:2])  # type: ignore[arg-type] # two ints, which the starred tuple hides


def _settle(span: Span, name: str, values: list[Any], ranks: list[int]) -> SpanKind:
    """The kind of a span, told or inferred; an agent or a tool that no attribute names is named as its dialect does."""
    kind: SpanKind = values[_KIND] if values[_KIND] is not None else _inferred(span, values, ranks)
    called = values[_ENTITY] or (name if ranks[_KIND] in _NAMED_BY_SPAN else "") or None
    if kind is SpanKind.TOOL:
        values[_TOOL] = values[_TOOL] or called
    elif kind is SpanKind.AGENT:
        values[_AGENT] = values[_AGENT] or called or values[_GROUP]
    return kind


def _inferred(span: Span, values: list[Any], ranks: list[int]) -> SpanKind:
    """The kind of a span that tells none that is known (`domain.dialects_kinds`)."""
    if values[_AGENT_SIGN]:
        return SpanKind.AGENT
    if values[_TOOL_SIGN] or values[_TOOL]:
        return SpanKind.TOOL
    if ranks[_MODEL] >= _MODEL_SIGNS:
        return SpanKind.UNKNOWN
    told = any(item.key in _EXPLICIT and item.value.string_value for item in span.attributes)
    return SpanKind.UNKNOWN if told else SpanKind.LLM


def _counted(attributes: Iterable[KeyValue], inputs: int | None, outputs: int | None) -> tuple[int | None, int | None]:
    """Token counts, completed from JSON in the order of the table."""
    said = {item.key: item.value for item in attributes if item.key in _COUNTED}
    for key, paths in _COUNTED.items():
        if key in said and (inputs is None or outputs is None):
            found = read_object(said[key])
            inputs = count_at(found, paths["input_tokens"]) if inputs is None else inputs
            outputs = count_at(found, paths["output_tokens"]) if outputs is None else outputs
    return inputs, outputs


def error_text(span: Span) -> str:
    """What a span says of its error: status message, else last exception event, else error message or type."""
    if span.status.message:
        return span.status.message
    said = {item.key: item.value.string_value for item in span.attributes if item.key in ERROR_KEYS}
    return (
        said.get("langfuse.observation.status_message")
        or ": ".join(filter(None, recorded_exception(span)))
        or said.get("error.message")
        or said.get("error.type", "")
    )


def recorded_exception(span: Span) -> tuple[str, str]:
    """Type and message of the last exception event that says anything; empty without one."""
    for event in reversed(span.events):
        if event.name == "exception":
            said = {item.key: item.value.string_value for item in event.attributes}
            kind, message = said.get("exception.type", ""), said.get("exception.message", "")
            if kind or message:
                return kind, message
    return "", ""
