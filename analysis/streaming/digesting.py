"""What is kept of a span: its index row, and of its content no more than hashes.

This runs for every span received. Most need only the row. Of a tool's span the arguments and the result are hashed,
of a model's answer it is asked whether it was cut off. Spans of the usual shape are read by hand; all others go
through `domain.content`, which is slower and knows every dialect. Hashes are those of this process: nothing that holds
them is ever saved.
"""

from collections.abc import Mapping
from functools import lru_cache
from json import JSONDecoder, JSONEncoder
from typing import NamedTuple

from analysis.error_types import error_type
from domain import content_fields as fields
from domain.content import REDACTED, SpanContent, exception_of
from domain.content_arguments import RecordedArguments, read_arguments
from domain.content_finish import finish_word, token_limit_in
from domain.content_results import WRAPPING, recorded_result
from domain.content_tools import names_in
from domain.dialects import FIELDS
from domain.dialects_kinds import KINDS
from domain.otlp import AnyValue, KeyValue, Span
from domain.semconv import error_text
from domain.spans import SpanIndex, SpanKind, SpanStatus

_TOOL, _LLM, _AGENT, _ERROR = SpanKind.TOOL, SpanKind.LLM, SpanKind.AGENT, SpanStatus.ERROR
_PARSED_MAX_CHARS = 16 * 1024
_EXCEPTION, _INPUT, _OUTPUT, _JSON = "exception", "input.value", "output.value", "application/json"
_ARGUMENTS = (*fields.STATED_ARGUMENTS, *fields.INPUT_VALUES)
_RESULTS = (*fields.STATED_RESULTS, *fields.RESULTS)
_TYPES = (fields.INPUT_TYPE, fields.OUTPUT_TYPE)
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
_ON_ENDINGS = frozenset((*_LIMITS, *_ANSWERS))
_ERROR_TYPE = "error.type"
KEYS = frozenset((*_ARGUMENTS, *_RESULTS, *fields.FINISH, *_TYPES, fields.PARAMETERS, _ERROR_TYPE))
"""The attributes that a digest is given."""
_FLAT, _REASON = "gen_ai.completion.", "finish_reason"
_HIDDEN = frozenset((REDACTED, "<not specified>", '{"result": "<not specified>"}'))
_DOUBTFUL = frozenset((fields.ADK_ARGUMENTS, fields.ADK_RESULT))
_ENCODE = JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_BARE = frozenset(key for field in ("agent_id", "agent_name", "session") for key in FIELDS[field]).union(KINDS)
_BARE -= fields.KNOWN  # what names an agent and holds no content
_DECODE = JSONDecoder().raw_decode
_WRAPPERS = frozenset(("input", "input_str"))  # in which frameworks put the text of the arguments
_TEXT = frozenset((str,))
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


def digest(row: SpanIndex, span: Span, said: Mapping[str, KeyValue]) -> SpanDigest:
    """The digest of a span; `said` are its attributes of `KEYS`. Content that cannot be read counts as not recorded."""
    kind, is_error = row[5], row[8] is _ERROR
    arguments = result = ending = 0
    error = ""
    try:
        if is_error:
            error = _error_type(span, said)
        if kind is _TOOL:
            arguments, result = _called(span, said)
        elif kind is _LLM:
            ending = SILENT if is_error else _ending(row, span, said)
        elif kind is _AGENT and not row[2]:
            ending = _answered(span, said)
    except Exception:  # a span of any shape may come, and following it is worth less than storing it
        arguments = result = ending = 0
        error = ""
    return tuple.__new__(SpanDigest, (row, arguments, result, ending, error))  # its own constructor takes longer


def _error_type(span: Span, said: Mapping[str, KeyValue]) -> str:
    attribute = said[_ERROR_TYPE].value.string_value if _ERROR_TYPE in said else ""
    return error_type(exception_of(span), error_text(span), attribute)


def _called(span: Span, said: Mapping[str, KeyValue]) -> tuple[int, int]:
    """The hashes of a tool call's arguments and result."""
    given, returned = _told_by(tuple(said))
    if given and not _has_messages(span):
        arguments, result = _text(said, given), _text(said, returned) if returned else ""
        if arguments and (result or not returned):
            return _stated_hash(said, given, arguments), _result_hash(said, returned, result) if result else 0
    content = SpanContent(span)
    recorded, answer = content.arguments(), content.result()
    return 0 if recorded is None else _arguments_hash(recorded), 0 if answer is None else _hash(answer)


@lru_cache(maxsize=1_024)
def _told_by(keys: tuple[str, ...]) -> tuple[str, str]:
    """Of some keys the first that tells arguments and the first that tells a result; "" leaves the question open."""
    if not _DOUBTFUL.isdisjoint(keys):
        return "", ""
    return next((key for key in _ARGUMENTS if key in keys), ""), next((key for key in _RESULTS if key in keys), "")


def _text(said: Mapping[str, KeyValue], key: str) -> str:
    """What an attribute says; "" when that is nothing or hidden."""
    text = said[key].value.string_value
    return "" if text in _HIDDEN else text


def _has_messages(span: Span) -> bool:
    return bool(span.events) and any(event.name != _EXCEPTION for event in span.events)


def _is_json(said: Mapping[str, KeyValue], key: str) -> bool:
    return key in said and said[key].value.string_value == _JSON


def _stated_hash(said: Mapping[str, KeyValue], key: str, text: str) -> int:
    """The hash of arguments in an attribute; flat objects of texts, the usual shape, need nothing but their JSON."""
    if text[0] == "{" and len(text) <= _PARSED_MAX_CHARS:
        try:
            value, end = _DECODE(text)
        except (ValueError, RecursionError):
            end = 0
        if end == len(text) and _TEXT.issuperset(map(type, value.values())) and _WRAPPERS.isdisjoint(value):
            return hash(frozenset(value.items())) or 1
    promised = key in _STATED or (key == _INPUT and _is_json(said, fields.INPUT_TYPE))
    declared = said[fields.PARAMETERS].value.string_value if fields.PARAMETERS in said else None
    return _arguments_hash(RecordedArguments(text, declared, promised))


def _arguments_hash(recorded: RecordedArguments) -> int:
    """Equal for arguments whose canonical JSON is equal; very long ones are compared as they were written."""
    text = recorded.text
    if len(text) > _PARSED_MAX_CHARS:
        return _hash(text)
    value, is_json = read_arguments(recorded)
    if not is_json:
        return _hash(text)
    if type(value) is dict:  # both tell apart what JSON does, at a third of the time
        types = set(map(type, value.values()))
        if types <= _TEXT:
            return hash(frozenset(value.items())) or 1
        if types <= _SCALARS:
            return hash(repr(sorted(value.items()))) or 1
    try:
        return _hash(_ENCODE(value))
    except (ValueError, RecursionError):
        return _hash("")


def _result_hash(said: Mapping[str, KeyValue], key: str, text: str) -> int:
    if text[:1] in ('"', "{") and len(text) <= _PARSED_MAX_CHARS:
        is_json = key != _OUTPUT or _is_json(said, fields.OUTPUT_TYPE)
        text = recorded_result(text, is_json=is_json, is_wrapped=key in WRAPPING).text
    return _hash(text)


def _hash(text: str) -> int:
    return hash(text) or 1


def _ending(row: SpanIndex, span: Span, said: Mapping[str, KeyValue]) -> int:
    """How the answer of a model ended: by its finish reason, else by the tokens it was allowed."""
    if not _has_messages(span):
        for key in fields.FINISH:
            if key in said:
                reason = _reason(said[key].value)
                if reason:
                    return _by_reason(finish_word(reason))
        found = _implied_ending(row, span)
        if found is not None:
            return found
    content = SpanContent(span)
    finish = content.finish_reason(content.output() or ())
    return _by_reason(finish) if finish else _by_limit(row, content.max_tokens())


def _implied_ending(row: SpanIndex, span: Span) -> int | None:
    """The ending without an attribute of its own; None leaves the question open."""
    attributes = span.attributes
    keys = [item.key for item in attributes]
    keys.reverse()  # of several of one key the last counts
    said = {key: attributes[-1 - keys.index(key)].value for key in _ON_ENDINGS.intersection(keys)}
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


def _answered(span: Span, said: Mapping[str, KeyValue]) -> int:
    told: str | None = _text(said, _OUTPUT) if _OUTPUT in said else ""
    if not told:
        is_bare = not said and not span.events and _BARE.issuperset([item.key for item in span.attributes])
        told = "" if is_bare else SpanContent(span).output_value()
    return ANSWERED if told and told != "null" else 0
