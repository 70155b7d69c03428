"""What the spans of traces come to: the same as the views say, and of the selection alone."""

from pathlib import Path
from typing import Any

from domain.contents import ErrorSpans
from domain.spans import SpanKind, SpanStatus
from store.base import Selection
from tests.store.window_kit import EVERYTHING, START_NS, Clock, keep, make_span, open_store


async def test_contents_name_what_is_there_and_count_what_failed_or_is_missing(tmp_path: Path) -> None:
    """Overviews and pages are made of these; a wrong number here is one that a report repeats."""
    clock = Clock()
    failed: dict[str, Any] = {"kind": SpanKind.TOOL, "status": SpanStatus.ERROR, "message": "timeout after 31 s"}
    async with open_store(tmp_path, clock) as store:
        await keep(
            store,
            make_span("a", "root", end_s=9, kind=SpanKind.AGENT, agent__name="shop"),
            make_span("a", "call", "root", kind=SpanKind.LLM, llm__model_name="large"),
            make_span("a", "more", "root", kind=SpanKind.LLM, llm__model_name="grand"),
            *(make_span("a", name, "nobody", tool__name=name, **failed) for name in ("look", "find")),
        )
        await keep(store, make_span("b", "root", start_s=20), service="mail")
        clock.forward(3_600)
        reader = store.reader()
        keys = [key for (key,) in reader.query("SELECT position FROM traces ORDER BY 1", selection=EVERYTHING).rows]
        positions = [int(key or 0) for key in keys]
        first, second = reader.contents(positions, selection=EVERYTHING)
        assert (first.position, second.position) == tuple(positions)
        assert first.names == (("svc",), ("grand", "large"), ("shop",), ())
        assert (first.missing_parents, first.without_agent, first.tool_errors) == (2, 4, 2)
        assert first.errors == tuple(ErrorSpans(name, "timeout after <num> s", 1, 1) for name in ("find", "look"))
        assert (second.names, second.errors) == ((("mail",), (), (), ()), ())
        early = Selection(0, START_NS + 10 * 10**9)
        assert [each.position for each in reader.contents(positions, selection=early)] == positions[:1]
