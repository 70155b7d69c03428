"""An exemplar's trace drawn as a waterfall: a row a span, cited ones marked, failed ones in the colour of errors."""

from markupsafe import Markup

from domain.report import Waterfall, WaterfallSpan
from rendering import figures
from rendering.drawing import element, hint, picture, text

_WIDTH, _ROW, _NAMES, _TIMES = 720.0, 20.0, 250.0, 64.0
_INDENT, _DEEPEST = 11.0, 8
_NAME_MAX_CHARS = 36
_KINDS = {"LLM": "kind-llm", "TOOL": "kind-tool", "AGENT": "kind-agent", "CHAIN": "kind-agent"}


def waterfall(name: str, told: Waterfall) -> Markup:
    """The spans of a trace against time since it began."""
    whole = max((span.end_ms for span in told.spans), default=0.0) or 1.0
    rows = [part for at, span in enumerate(told.spans) for part in _row(span, at * _ROW + 2, whole)]
    failed = sum(span.status == "ERROR" for span in told.spans)
    return picture(
        name,
        f"Waterfall of trace {told.trace_id}",
        f"{figures.count(len(told.spans), 'span')} over {milliseconds(whole)}, {failed:,} failed; "
        f"{sum(span.cited for span in told.spans):,} cited as evidence; {told.left_out:,} more left out.",
        (_WIDTH, len(told.spans) * _ROW + 6),
        *rows,
    )


def milliseconds(duration: float) -> str:
    """`840 ms`, `6.2 s`."""
    return f"{duration:,.0f} ms" if duration < 1_000 else figures.duration(duration / 1_000)


def _row(span: WaterfallSpan, y: float, whole: float) -> list[Markup]:
    scale = (_WIDTH - _NAMES - _TIMES) / whole
    begin, length = _NAMES + max(span.start_ms, 0.0) * scale, max((span.end_ms - span.start_ms) * scale, 2.0)
    indent = _INDENT * min(span.depth, _DEEPEST)
    most = _NAME_MAX_CHARS - int(indent / 6)
    label = span.name if len(span.name) <= most else span.name[: most - 1] + "…"
    lasted = milliseconds(max(span.end_ms - span.start_ms, 0.0))
    said = f"{span.name} ({span.kind}, {span.status}): {lasted}{', cited' if span.cited else ''}"
    kind = "failed" if span.status == "ERROR" else _KINDS.get(span.kind, "kind-other")
    parts = [element("rect", class_="cited", x=0.0, y=y, width=_WIDTH, height=_ROW, rx=3)] if span.cited else []
    return [
        *parts,
        text(("▸ " if span.cited else "") + label, 4 + indent, y + 14, class_="name"),
        element("rect", hint(said), class_=kind, x=begin, y=y + 5, width=length, height=_ROW - 10, rx=2),
        text(lasted, _WIDTH - 4, y + 14, class_="label end"),
    ]
