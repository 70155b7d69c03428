"""A small window in which everything is known, and tools at work on it."""

import json
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

from domain.component import load_component
from domain.otlp import KeyValue, Span, any_value
from domain.report import AgentRef
from domain.spans import SpanKind, SpanStatus
from engine.opening import analysis_of, window_of_files
from engine.tooling import KIND, ShownIds, Work
from engine.window import TraceWindow
from store.backends.sqlite import load_window
from store.base import Selection
from tests.store.window_kit import EVERYTHING, make_span, request_of, trace_id

LLM, TOOL, AGENT = SpanKind.LLM, SpanKind.TOOL, SpanKind.AGENT
REFUSED = "order 4711 not found"
GOOD, BAD, ODD = (trace_id(name).hex() for name in ("good", "bad", "odd"))


def good() -> list[Span]:
    """A trace of three seconds in which nothing fails."""
    return [
        make_span("good", "root", end_s=3, kind=AGENT, agent__name="shop", user__id="ann", session__id="s-1"),
        make_span("good", "chat", "root", start_s=1, kind=LLM, **_model("small", 100, 20)),
        make_span("good", "search", "root", start_s=2, kind=TOOL, tool__name="search", output__value="3 shoes"),
    ]


def bad() -> list[Span]:
    """A trace of an hour later, nine seconds long, in which a tool fails twice."""
    refused = {"kind": TOOL, "status": SpanStatus.ERROR, "message": REFUSED, "tool__name": "refund"}
    return [
        make_span("bad", "root", start_s=3600, end_s=3609, kind=AGENT, agent__name="shop", user__id="bob"),
        make_span("bad", "chat", "root", start_s=3601, kind=LLM, llm__cost__total=0.5, **_model("large", 1000, 200)),
        make_span("bad", "refund", "root", start_s=3602, **refused),
        make_span("bad", "again", "root", start_s=3603, end_s=3608, **refused),
    ]


def odd() -> list[Span]:
    """A span of another service whose parent never came."""
    return [make_span("odd", "late", "nobody", start_s=7200, note="ünïcode", count=7)]


def _model(name: str, tokens_in: int, tokens_out: int) -> dict[str, Any]:
    return {
        "llm__model_name": name,
        "llm__token_count__prompt": tokens_in,
        "llm__token_count__completion": tokens_out,
    }


def request(spans: Iterable[Span], service: str, version: str = "") -> bytes:
    """An encoded request of a service in some version."""
    message = request_of(spans, service)
    if version:
        attributes = message.resource_spans[0].resource.attributes
        attributes.append(KeyValue(key="service.version", value=any_value(version)))
    return message.SerializeToString()


def planted() -> list[bytes]:
    """The window that most tests ask."""
    return [request(good(), "shop", "1.0"), request(bad(), "shop", "1.1"), request(odd(), "billing")]


@contextmanager
def at_work(directory: Path, requests: Iterable[bytes], selection: Selection = EVERYTHING) -> Iterator[Work]:
    """What a tool may use, over a window of some requests."""
    with load_window(requests, directory) as reader:
        agent = AgentRef(uuid="", name="all", service="")
        yield work_on(TraceWindow(reader, selection, agent, lambda: analysis_of(reader, selection)))


@contextmanager
def at_work_on_lines(directory: Path, lines: Iterable[dict[str, Any]]) -> Iterator[Work]:
    """The same over a file of span lines."""
    file = directory / "traces.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with window_of_files([file], directory / "index") as window:
        yield work_on(window)


def work_on(window: TraceWindow) -> Work:
    """What a trace tool may use; it asks no model."""

    async def nothing(*_: object) -> Any:
        raise AssertionError("a trace tool asks nobody")

    return Work(
        window=window,
        agent_id="a",
        depth=0,
        tool_call_id="c",
        shown=ShownIds(),
        ask=nothing,
        delegate=None,
        item=lambda item_id: None,
        kept=AsyncExitStack(),
        belongings={},
        call=nothing,
    )


async def call(work: Work, name: str, config: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """What a tool answers; it has to be JSON."""
    module = load_component(KIND, name)
    tool = module.create(module.Config(**(config or {})))
    answer = await tool.answer(tool.arguments.model_validate(arguments), work)
    json.dumps(answer, allow_nan=False)
    return cast(dict[str, Any], answer)


def line(number: int, trace: str = "a" * 32, **more: Any) -> dict[str, Any]:
    """The n-th span line of a trace, the first one its root."""
    return {
        "trace_id": trace,
        "span_id": f"{number:016x}",
        "parent_span_id": "" if number == 1 else f"{1:016x}",
        "trace_state": "",
        "name": f"step {number % 3}",
        "kind": "SPAN_KIND_INTERNAL",
        "start_time": f"2026-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}.000000000Z",
        "end_time": "2026-01-01T01:00:00.000000000Z",
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "resource": {"attributes": {"service.name": "svc"}},
        "scope": {"name": "tests", "version": "1"},
        "attributes": {"n": number},
        **more,
    }
