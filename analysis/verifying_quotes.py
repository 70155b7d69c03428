"""The part of verification that goes back to the bytes of the cited spans."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from analysis.evidence import ReadSpan, field_hash, source_ids
from analysis.extraction import trace_facts
from analysis.facts import FactWindow, SpanFact
from analysis.fields import field_text
from analysis.verifying_values import differences
from domain.report import Evidence, Finding, Report
from domain.spans import SpanStatus, StoredSpan, StoredTrace, TraceSummary

_FROM_THE_TRACE = (
    "parent_id",
    "scope_id",
    "issuer_id",
    "agent",
    "leaf_error",
    "leaf_llm",
    "arguments_problem",
    "requested",
    "plan_tools",
    "parent_missing",
    "answered_calls",
    "task",
    "idle_arguments",
    "arguments_like",
    "result_like",
    "builds_on_previous",
    "leaked_call",
    "messages",
    "kept_messages",
    "changed_role",
    "checked_words",
    "unfounded_words",
)
"""Facts that other spans of the trace have a part in; one span's bytes cannot tell them."""


def quote_lines(
    report: Report, read_span: ReadSpan, called_for: Callable[[Finding], Sequence[Evidence]] | None
) -> Iterator[str]:
    """A line for each quote that is not where the report says it is.

    `called_for` tells what a finding has to quote; without it any true quote will do.
    """
    for at, finding in enumerate(report.findings):
        path = f"findings[{at}].evidence"
        lines = list(evidence_lines(path, finding.evidence, read_span))
        if not lines and called_for is not None:
            lines += differences(path, tuple(called_for(finding)), finding.evidence)
        yield from lines


def evidence_lines(path: str, evidence: Sequence[Evidence], read_span: ReadSpan) -> Iterator[str]:
    """A line for each of some quotes that is not where it is said to be."""
    for place, item in enumerate(evidence):
        stored = read_span(item.trace_id, item.span_id)
        if stored is None:
            yield f"{path}[{place}].span_id: span {item.span_id} of trace {item.trace_id} is not in the evidence"
        else:
            yield from _quote_lines(f"{path}[{place}]", item, stored)


def _is_at(text: str, item: Evidence) -> bool:
    """Whether a quote stands where it is said to; reports of earlier versions do not say."""
    if item.start_byte is None:
        return True
    return text.encode("utf-8", "surrogatepass")[item.start_byte : item.end_byte] == item.quote.encode(
        "utf-8", "surrogatepass"
    )


def _quote_lines(path: str, item: Evidence, stored: StoredSpan) -> Iterator[str]:
    text = field_text(stored, item.field)
    if text is None:
        yield f"{path}.field: the span has no field {item.field!r}"
        return
    if not item.quote or item.quote not in text:
        yield f"{path}.quote: not found in {item.field} of span {item.span_id}"
    elif not _is_at(text, item):
        yield f"{path}.start_byte: the quote does not stand at bytes {item.start_byte} to {item.end_byte}"
    if (found := field_hash(text)) != item.sha256:
        yield f"{path}.sha256: expected {found}, found {item.sha256}"
    for name, told in zip(("source_trace_id", "source_span_id"), source_ids(stored), strict=True):
        yield from differences(f"{path}.{name}", told, getattr(item, name))


def span_lines(report: Report, facts: FactWindow, read_span: ReadSpan) -> Iterator[str]:
    """A line for each cited span whose frozen facts do not follow from its bytes."""
    evidence = [finding.evidence for finding in report.findings]
    evidence += [finding.evidence for finding in report.inquiry.findings] if report.inquiry else []
    cited = {(item.trace_id, item.span_id) for items in evidence for item in items}
    for trace_id, span_id in sorted(cited):
        stored = read_span(trace_id, span_id)
        frozen = facts.by_ref.get((trace_id, span_id))
        if stored is None:
            continue
        if frozen is None:
            yield f"facts[{trace_id}/{span_id}]: missing, though the span is cited"
            continue
        yield from _fact_lines(f"facts[{trace_id}/{span_id}]", frozen, stored)


def _fact_lines(path: str, frozen: SpanFact, stored: StoredSpan) -> Iterator[str]:
    derived = _derive(stored)
    comparable = replace(derived, **{name: getattr(frozen, name) for name in _FROM_THE_TRACE})
    if comparable != frozen:
        for name in SpanFact.__dataclass_fields__:
            told, found = getattr(comparable, name), getattr(frozen, name)
            if told != found:
                yield f"{path}.{name}: expected {told!r} (from the span's bytes), found {found!r}"


def _derive(stored: StoredSpan) -> SpanFact:
    """The facts of one span from its bytes alone."""
    summary = TraceSummary(
        trace_id=stored.trace_id,
        source_trace_id=stored.trace_id,
        agent_uuid="",
        agent_name="",
        service="",
        root_name="",
        session=None,
        start_ns=0,
        end_ns=0,
        span_count=1,
        llm_spans=0,
        tool_spans=0,
        error_spans=0,
        leaf_errors=0,
        input_tokens=0,
        output_tokens=0,
        status=SpanStatus.UNSET,
        has_root=False,
        complete=True,
    )
    return trace_facts(StoredTrace(summary, (stored,))).spans[0]
