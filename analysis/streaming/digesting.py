"""What is kept of a span: its index row, and of its content no more than hashes.

This runs for every span received. Most need only the row. Of a tool's span the arguments and the result are hashed,
of a model's answer it is asked whether it was cut off. Spans of the usual shape are read by hand; all others go
through `domain.content`, which is slower and knows every dialect. Hashes are those of this process: nothing that holds
them is ever saved.
"""

from collections.abc import Mapping, Sequence
from json import JSONEncoder
from typing import NamedTuple

from analysis.error_types import error_type
from domain import content_fields as fields
from domain.content import REDACTED, SpanContent, exception_of
from domain.content_arguments import RecordedArguments, read_arguments
from domain.content_finish import finish_word, token_limit_in
from domain.content_results import WRAPPING, recorded_result
from domain.content_tools import names_in
from domain.otlp import AnyValue, Span
from domain.semconv import error_text
from domain.spans import SpanIndex, SpanKind, SpanStatus

_TOOL, _LLM, _AGENT, _ERROR = SpanKind.TOOL, SpanKind.LLM, SpanKind.AGENT, SpanStatus.ERROR
_PARSED_MAX_CHARS = 16 * 1024
_EXCEPTION, _INPUT, _OUTPUT, _JSON = "exception", "input.value", "output.value", "application/json"
_ARGUMENTS = (*fields.STATED_ARGUMENTS, *fields.INPUT_VALUES)
_RESULTS = (*fields.STATED_RESULTS, *fields.RESULTS)
_STATED = frozenset(fields.STATED_ARGUMENTS)
_LIMITS = (*fields.MAX_TOKENS, *fields.LIMITED_REQUESTS)
_ANSWERS = (
    fields.GENAI_OUTPUT,
    fields.ALL_MESSAGES,
    "langfuse.trace.output",
    *fields.EVENT_LISTS,
    *fields.VERCEL_ANSWER,
    *fields.OUTPUTS,
)
_ON_ENDINGS = frozenset((*fields.FINISH, *_LIMITS, *_ANSWERS))
_FLAT, _REASON = "gen_ai.completion.", "finish_reason"
_HIDDEN = frozenset((REDACTED, "<not specified>", '{"result": "<not specified>"}'))
_DOUBTFUL = frozenset((fields.ADK_ARGUMENTS, fields.ADK_RESULT))
_ENCODE = JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_SCALARS = frozenset((str, int, float, bool, type(None)))
_CUT = "length"
SILENT, WHOLE, CUT = 0, 1, 2
"""Of an LLM span: it does not tell how its answer ended, the answer is whole, it was cut off."""
ANSWERED = 1
"""Of an AGENT span without a parent: it has an output."""


class SpanDigest(NamedTuple):
    """A span as the follower takes it; a hash of 0 means: not recorded."""

    row: SpanIndex
    arguments: int = 0
    result: int = 0
    ending: int = 0
    error_type: str = ""


def digest(row: SpanIndex, span: Span) -> SpanDigest:
    """The digest of a span; content that cannot be read counts as not recorded."""
    kind, is_error = row[5], row[8] is _ERROR
    if not is_error and kind is not _TOOL and kind is not _LLM and (kind is not _AGENT or row[2]):
        return SpanDigest(row)
    try:
        said = _error_type(span) if is_error else ""
        if kind is _TOOL:
            arguments, result = _called(span)
            return SpanDigest(row, arguments, result, 0, said)
        if kind is _LLM:
            return SpanDigest(row, 0, 0, SILENT if is_error else _ending(row, span), said)
        return SpanDigest(row, 0, 0, _answered(span) if kind is _AGENT and not row[2] else 0, said)
    except Exception:  # a span of any shape may come, and following it is worth less than storing it
        return SpanDigest(row)


def _error_type(span: Span) -> str:
    attribute = next((item.value.string_value for item in span.attributes if item.key == "error.type"), "")
    return error_type(exception_of(span), error_text(span), attribute)


def _called(span: Span) -> tuple[int, int]:
    """The hashes of a tool call's arguments and result."""
    if not _has_messages(span):
        said = {item.key: item.value for item in span.attributes}
        if said.keys().isdisjoint(_DOUBTFUL):
            arguments, result = _first(said, _ARGUMENTS), _first(said, _RESULTS)
            if arguments is not None and (result is not None or said.keys().isdisjoint(_RESULTS)):
                parameters = said.get(fields.PARAMETERS)
                promised = arguments[0] in _STATED or (arguments[0] == _INPUT and _is_json(said, fields.INPUT_TYPE))
                declared = None if parameters is None else parameters.string_value
                recorded = RecordedArguments(arguments[1], declared, promised)
                return _arguments_hash(recorded), 0 if result is None else _result_hash(said, *result)
    content = SpanContent(span)
    given, returned = content.arguments(), content.result()
    return 0 if given is None else _arguments_hash(given), 0 if returned is None else _hash(returned)


def _has_messages(span: Span) -> bool:
    return bool(span.events) and any(event.name != _EXCEPTION for event in span.events)


def _first(said: Mapping[str, AnyValue], keys: Sequence[str]) -> tuple[str, str] | None:
    """The first of these keys that is there, if its text says something; None leaves the question open."""
    for key in keys:
        if key in said:
            text = said[key].string_value
            return (key, text) if text and text not in _HIDDEN else None
    return None


def _is_json(said: Mapping[str, AnyValue], key: str) -> bool:
    stated = said.get(key)
    return stated is not None and stated.string_value == _JSON


def _arguments_hash(recorded: RecordedArguments) -> int:
    """Equal for arguments whose canonical JSON is equal; very long ones are compared as they were written."""
    text = recorded.text
    if len(text) > _PARSED_MAX_CHARS:
        return _hash(text)
    value, is_json = read_arguments(recorded)
    if not is_json:
        return _hash(text)
    if type(value) is dict and _SCALARS.issuperset(map(type, value.values())):
        return hash(repr(sorted(value.items()))) or 1  # tells apart what JSON does, at a third of the time
    try:
        return _hash(_ENCODE(value))
    except (ValueError, RecursionError):
        return _hash("")


def _result_hash(said: Mapping[str, AnyValue], key: str, text: str) -> int:
    if text[:1] in ('"', "{") and len(text) <= _PARSED_MAX_CHARS:
        is_json = key != _OUTPUT or _is_json(said, fields.OUTPUT_TYPE)
        text = recorded_result(text, is_json=is_json, is_wrapped=key in WRAPPING).text
    return _hash(text)


def _hash(text: str) -> int:
    return hash(text) or 1


def _ending(row: SpanIndex, span: Span) -> int:
    """How the answer of a model ended: by its finish reason, else by the tokens it was allowed."""
    found = None if _has_messages(span) else _stated_ending(row, span)
    if found is not None:
        return found
    content = SpanContent(span)
    finish = content.finish_reason(content.output() or ())
    return _by_reason(finish) if finish else _by_limit(row, content.max_tokens())


def _stated_ending(row: SpanIndex, span: Span) -> int | None:
    """The ending, where it stands in an attribute of its own or nowhere; None leaves the question open."""
    attributes = span.attributes
    keys = [item.key for item in attributes]
    keys.reverse()  # of several of one key the last counts
    said = {key: attributes[-1 - keys.index(key)].value for key in _ON_ENDINGS.intersection(keys)}
    for key in fields.FINISH:
        if key in said:
            reason = _reason(said[key])
            if reason:
                return _by_reason(finish_word(reason))
    told = [said[key] for key in _ANSWERS if key in said]
    flat = [key for key in keys if key.endswith(_REASON)]
    if flat:
        is_flat = len(flat) == 1 and not told and flat[0].startswith(_FLAT) and flat[0].count(".") == 3
        reason = attributes[-1 - keys.index(flat[0])].value.string_value if is_flat else ""
        return _by_reason(finish_word(reason)) if reason else None
    for value in told:
        text = value.string_value
        if not text or "inish" in text or "top_" in text or "topR" in text or '"status"' in text:
            return None
    return _stated_limit(row, said)


def _reason(value: AnyValue) -> str:
    """The first of the reasons in a value: a text, or a list of them, structured or as JSON."""
    stated = value.string_value
    if stated and stated[0] != "[":
        return stated
    listed = value.array_value.values
    if len(listed) == 1 and listed[0].string_value:
        return listed[0].string_value
    return next(iter(names_in(value)), "")


def _stated_limit(row: SpanIndex, said: Mapping[str, AnyValue]) -> int | None:
    if row.output_tokens is None:
        return SILENT
    for key in _LIMITS:
        if key in said:
            value = said[key]
            if not value.string_value:
                return None
            most = token_limit_in(value.string_value)
            if most is not None:
                return _by_limit(row, most)
    return SILENT


def _by_reason(finish: str) -> int:
    return CUT if finish == _CUT else WHOLE


def _by_limit(row: SpanIndex, most: int | None) -> int:
    if not most or row.output_tokens is None:
        return SILENT
    return CUT if row.output_tokens >= most else WHOLE


def _answered(span: Span) -> int:
    text = next((item.value.string_value for item in span.attributes if item.key == _OUTPUT), "")
    told = text if text and text not in _HIDDEN else SpanContent(span).output_value()
    return ANSWERED if told and told != "null" else 0
