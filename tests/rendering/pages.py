"""An HTML page read back without a browser: its elements, attributes and text; and a report poisoned all over."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

from domain.report import (
    AgentRef,
    NotObservable,
    PastRate,
    Query,
    Report,
    TimelinePoint,
    TrendPoint,
    Waterfall,
    WaterfallSpan,
)
from tests.rendering.sample import a_finding, a_report

VOID = {"meta", "br", "hr", "img", "input", "link", "base"}
_NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


@dataclass
class Read(HTMLParser):
    """What an HTML parser finds in a page; use `Read.of`."""

    elements: Counter[str] = field(default_factory=Counter)
    attributes: set[tuple[str, str]] = field(default_factory=set)
    values: dict[str, list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, page: str) -> "Read":
        read = cls()
        HTMLParser.__init__(read, convert_charrefs=True)
        read.feed(page)
        read.close()
        return read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        for name, value in attrs:
            self.attributes.add((tag, name))
            self.values.setdefault(name, []).append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1:] == [tag]:
            self.open.pop()
        else:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    def unknown_decl(self, data: str) -> None:
        self.other.append(data)

    def handle_pi(self, data: str) -> None:
        self.other.append(data)


def poisoned(text: str) -> Report:
    """A report with everything in it, and one text wherever a span has a say."""
    plain = a_report()
    quote = (
        a_finding()
        .evidence[0]
        .model_copy(update={"trace_id": text, "span_id": text, "field": text, "quote": text, "source_trace_id": text})
    )
    finding = a_finding(
        title=text,
        category=text,
        explanation=text,
        fix=text,
        acceptance_query=text,
        mark="acknowledged",
        mark_reason=text,
        splits=tuple(each.model_copy(update={"by": text, "value": text}) for each in a_finding().splits),
        evidence=(quote,) * 2,
        queries=(Query(name=text, args={text: text}, expect={text: text}),),
        figures={text: text},
        trend=tuple(_trend(at) for at in range(3)),
        history=(_past(text),),
    )
    agent = AgentRef(uuid=text, name=text, service=text + "!")
    coverage = plain.coverage.model_copy(
        update={
            "outcome_source": text,
            "unexplained": (text,),
            "not_observable": (NotObservable(detector=text, missing_fields=(text,)),),
        }
    )
    return plain.model_copy(
        update={
            "report_id": text,
            "run_id": text,
            "previous_report_id": text,
            "agent": agent,
            "headline": text,
            "coverage": coverage,
            "agents": tuple(each.model_copy(update={"agent": agent}) for each in plain.agents),
            "findings": (finding, finding.model_copy(update={"status": "resolved", "bound": 0.05})),
            "narrative_md": text,
            "notes": (text,),
            "timeline": tuple(_stretch(at) for at in range(4)),
            "waterfalls": (_waterfall(finding.fingerprint, text),),
        }
    )


def _trend(at: int) -> TrendPoint:
    start = _NOON + timedelta(hours=at)
    return TrendPoint(
        start=start, end=start + timedelta(hours=1), affected=at, opportunities=4, ci_low=0.05, ci_high=0.9
    )


def _past(text: str) -> PastRate:
    return PastRate(
        report_id=text, generated_at=_NOON, status="new", affected=3, opportunities=9, ci_low=0.1, ci_high=0.6
    )


def _stretch(at: int) -> TimelinePoint:
    start = _NOON + timedelta(hours=at)
    return TimelinePoint(
        start=start,
        end=start + timedelta(hours=1),
        traces=at,
        failing_traces=at // 2,
        spans=10 * at,
        leaf_errors=at,
        tokens=at * 1000,
    )


def _waterfall(fingerprint: str, text: str) -> Waterfall:
    root = WaterfallSpan(
        span_id=text, name=text, kind=text, status=text, depth=0, start_ms=0.0, end_ms=900.0, cited=False
    )
    call = root.model_copy(update={"depth": 1, "start_ms": 20.0, "kind": "TOOL", "status": "ERROR", "cited": True})
    return Waterfall(fingerprint=fingerprint, trace_id=text, left_out=2, spans=(root, call))
