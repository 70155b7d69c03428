"""Quotes as models give them: with a field's short name, or none, or with dots where they stopped.

The quote itself has to stand there character for character.
"""

from collections.abc import Iterator

from analysis.evidence import ReadSpan, field_hash, source_ids
from analysis.fields import field_text
from domain.claims import ExistsClaim, SpanRef
from domain.report import Evidence
from domain.spans import StoredSpan

MOST_QUOTED_CHARS = 2_000
_DOTS = "….  "
_ATTRIBUTES = "attributes."


def placed(claim: ExistsClaim, read_span: ReadSpan) -> ExistsClaim:
    """The claim with the field in which its quote stands, if it does anywhere; else as it was."""
    stored = read_span(claim.span.trace_id, claim.span.span_id)
    if stored is None:
        return claim
    for quote in dict.fromkeys((claim.quote, claim.quote.strip(), claim.quote.strip(_DOTS))):
        field = next((name for name in _fields(stored, claim.field) if _stands(stored, name, quote)), None)
        if field is not None:
            return claim.model_copy(update={"field": field, "quote": quote[:MOST_QUOTED_CHARS]})
    return claim


def evidence_of(claim: ExistsClaim, read_span: ReadSpan) -> Evidence | None:
    """A confirmed quote as evidence."""
    stored = read_span(claim.span.trace_id, claim.span.span_id)
    whole = field_text(stored, claim.field) if stored is not None else None
    if stored is None or whole is None or claim.quote not in whole:
        return None
    source_trace_id, source_span_id = source_ids(stored)
    start_byte = len(whole[: whole.index(claim.quote)].encode("utf-8", "surrogatepass"))
    return Evidence(
        **SpanRef.model_dump(claim.span),
        field=claim.field,
        quote=claim.quote,
        sha256=field_hash(whole),
        source_trace_id=source_trace_id,
        source_span_id=source_span_id,
        start_byte=start_byte,
        end_byte=start_byte + len(claim.quote.encode("utf-8", "surrogatepass")),
    )


def _stands(stored: StoredSpan, field: str, quote: str) -> bool:
    return bool(quote) and quote in (field_text(stored, field) or "")


def _fields(stored: StoredSpan, said: str) -> Iterator[str]:
    """Where a quote may stand, the field that was named first."""
    if said:
        yield said
        yield _ATTRIBUTES + said
        yield said.replace("status_message", "status.message")
    yield "status.message"
    yield "name"
    yield from (_ATTRIBUTES + item.key for item in stored.span.attributes)
    for at, event in enumerate(stored.span.events):
        yield from (f"events[{at}].{_ATTRIBUTES}{item.key}" for item in event.attributes)
