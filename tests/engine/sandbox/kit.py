"""A small window, and an agent at work on it whose questions a script answers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from domain.component import load_component
from domain.report import AgentRef
from domain.spans import SpanKind, SpanStatus
from engine.tooling import KIND, ShownIds, Tool, ToolError, Work
from engine.window import Analysed, TraceWindow
from store.base import Selection
from store.window.schema import MAX_INT
from tests.store.window_kit import Clock, keep, make_span, open_store, whole_trace

Ask = Callable[[str, str, str], Awaitable[str]]
Call = Callable[[str, Mapping[str, Any]], Awaitable[Any]]


async def no_model(purpose: str, question: str, context: str) -> str:
    """As when there is no model."""
    raise ToolError("there is no model here")


async def no_tools(name: str, arguments: Mapping[str, Any]) -> Any:
    """Says what it was called with."""
    return {"tool": name, "arguments": dict(arguments)}


def _not_analysed() -> Analysed:
    raise AssertionError("nothing here needs the analysis")


@asynccontextmanager
async def at_work(directory: Path, ask: Ask = no_model, call: Call = no_tools) -> AsyncIterator[Work]:
    """What tools may use for an agent that may see the service `shop` and not `mail`; all ends with it."""
    clock = Clock()
    async with open_store(directory, clock) as store, AsyncExitStack() as kept:
        timeout = {"kind": SpanKind.TOOL, "tool__name": "search", "status": SpanStatus.ERROR, "message": "timeout"}
        await keep(store, make_span("a", "root", end_s=9), make_span("a", "look", "root", **timeout), service="shop")
        await keep(store, *whole_trace("b", spans=4), service="shop")
        await keep(store, *whole_trace("theirs"), service="mail")
        clock.forward(3_600)
        await store.maintain(force=True)
        shop = next(agent for agent in store.reader().agents() if agent.name == "shop")
        selection = Selection(0, MAX_INT, (shop.uuid,))
        agent = AgentRef(uuid=shop.uuid, name="shop", service="shop")
        yield Work(
            window=TraceWindow(store.reader(), selection, agent, _not_analysed),
            agent_id="a",
            depth=0,
            tool_call_id="c",
            shown=ShownIds(),
            ask=ask,
            delegate=None,
            item=lambda item_id: None,
            kept=kept,
            belongings={},
            call=call,
        )


def tool(name: str, **settings: Any) -> Tool:
    """A tool with some settings."""
    module = load_component(KIND, name)
    return cast(Tool, module.create(module.Config(**settings)))


async def answer(work: Work, name: str, settings: Mapping[str, Any] | None = None, **arguments: Any) -> Any:
    """What a tool answers."""
    found = tool(name, **(settings or {}))
    return await found.answer(found.arguments.model_validate(arguments), work)
