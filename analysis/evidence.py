"""Evidence: which spans to show of many, and what to quote from them.

A quote is an exact substring of one field of one span, beside the hash of the whole field, so that anyone
with the span's bytes can check it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from analysis.detecting import Candidate, SpanRef
from analysis.facts import FactWindow, SpanFact
from analysis.fields import field_text, places
from analysis.looking import Seen
from domain.report import Evidence
from domain.spans import SOURCE_SPAN_ID, SOURCE_TRACE_ID, StoredSpan

ReadSpan = Callable[[str, str], StoredSpan | None]
"""One span by its ids in hexadecimal; None when it is not there."""
MAX_EXEMPLARS = 3
QUOTE_MAX_CHARS = 240
ARGUMENTS_MAX_CHARS = 2_000
"""Arguments are quoted whole where they can be: they are what a failure is reproduced with."""
_RECENT = 30
_BEFORE_NEEDLE = 60
_SOURCE_MAX_CHARS = 200


class _Quote(NamedTuple):
    field: str
    text: str
    whole: str


def exemplars(window: FactWindow, seen: Seen, most: int = 2 * MAX_EXEMPLARS) -> tuple[SpanRef, ...]:
    """Spans to show, best first: those a candidate names, else typical, recent and short ones.

    Typical are the spans with the commonest error and argument keys; of the most recent of them the shortest
    come first, and different traces before several spans of one.
    """
    if seen.candidate.exemplars:
        return seen.candidate.exemplars[:most]
    spans = [window.by_ref[ref] for ref in seen.measure.affected if ref in window.by_ref]
    if not spans:
        return ()
    counts = Counter(_type_of(span) for span in spans)
    commonest = min(counts, key=lambda each: (-counts[each], each))
    typical = sorted((span for span in spans if _type_of(span) == commonest), key=lambda s: (-s.start_ns, s.ref))
    return _from_many_traces(sorted(typical[:_RECENT], key=_length), most)


def _type_of(span: SpanFact) -> tuple[str, str, str]:
    return span.error_template, span.argument_keys, span.tool


def _length(span: SpanFact) -> int:
    return (span.arguments_chars or 0) + (span.result_chars or 0) + (span.output_chars or 0)


def _from_many_traces(spans: Sequence[SpanFact], most: int) -> tuple[SpanRef, ...]:
    first_of: dict[str, SpanRef] = {}
    for span in spans:
        first_of.setdefault(span.trace_id, span.ref)
    chosen = list(first_of.values())[:most]
    chosen += [span.ref for span in spans if span.ref not in chosen][: most - len(chosen)]
    return tuple(chosen)


def evidence_of(window: FactWindow, seen: Seen, read_span: ReadSpan) -> tuple[Evidence, ...]:
    """Quotes from at most three spans; of the first also its arguments, so that the failure can be reproduced."""
    found: list[Evidence] = []
    shown = 0
    for trace_id, span_id in exemplars(window, seen):
        stored = read_span(trace_id, span_id) if shown < MAX_EXEMPLARS else None
        if stored is None:
            continue
        wanted = seen.candidate.quote_fields
        quotes = list(_quotes(stored, seen.candidate, (*wanted, "name"), most=1))
        if not shown and "arguments" in wanted:
            quotes += [each for each in _quotes(stored, seen.candidate, ("arguments",), 1) if each not in quotes]
        found += [_evidence((trace_id, span_id), stored, quote) for quote in quotes]
        shown += bool(quotes)
    return tuple(found)


def _quotes(stored: StoredSpan, candidate: Candidate, wanted: Iterable[str], most: int) -> Iterable[_Quote]:
    found = 0
    for what in wanted:
        for path in places(stored, what):
            whole = field_text(stored, path)
            if whole is None or not whole.strip() or (what == "tool_calls" and candidate.subject not in whole):
                continue
            needle = candidate.subject if what == "tool_calls" else ""
            chars = ARGUMENTS_MAX_CHARS if what == "arguments" else QUOTE_MAX_CHARS
            yield _Quote(path, quote_from(whole, needle, chars), whole)
            found += 1
            break
        if found == most:
            return


def quote_from(text: str, needle: str = "", most: int = QUOTE_MAX_CHARS) -> str:
    """The telling part of a text: around `needle`, else of a traceback its last line, else its beginning.

    At most so many characters.
    """
    start = 0
    if needle:
        start = max(text.find(needle) - _BEFORE_NEEDLE, 0)
    elif text.lstrip().startswith("Traceback ("):
        end = len(text.rstrip())
        start = text.rfind("\n", 0, end) + 1
    while start < len(text) and text[start].isspace():
        start += 1
    return text[start : start + most].rstrip()


def field_hash(text: str) -> str:
    """The SHA-256 of a field's text in UTF-8, hexadecimal."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def source_ids(stored: StoredSpan) -> tuple[str, str]:
    """What a file calls a span's trace and the span; empty where that is the OTLP id."""
    trace_id = field_text(stored, f"attributes.{SOURCE_TRACE_ID}") or ""
    span_id = field_text(stored, f"attributes.{SOURCE_SPAN_ID}") or ""
    return (
        "" if trace_id == stored.trace_id else trace_id[:_SOURCE_MAX_CHARS],
        "" if span_id == stored.span_id else span_id[:_SOURCE_MAX_CHARS],
    )


def _evidence(ref: SpanRef, stored: StoredSpan, quote: _Quote) -> Evidence:
    source_trace_id, source_span_id = source_ids(stored)
    start_byte = len(quote.whole[: quote.whole.index(quote.text)].encode("utf-8", "surrogatepass"))
    return Evidence(
        trace_id=ref[0],
        span_id=ref[1],
        field=quote.field,
        quote=quote.text,
        sha256=field_hash(quote.whole),
        source_trace_id=source_trace_id,
        source_span_id=source_span_id,
        start_byte=start_byte,
        end_byte=start_byte + len(quote.text.encode("utf-8", "surrogatepass")),
    )
