"""The tools that look back at the conversation and that have several traces compared."""

from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.component import load_component
from engine.context.skeletons import Skeleton, SpanLine, skeleton_of, together
from engine.models.messages import AgentMessage, AgentToolCall, AgentToolFunction
from engine.tooling import KIND, ShownIds, Tool, ToolError
from engine.window import TraceWindow
from tests.engine.context.trace_files import trace, window_of
from tests.engine.fake_tools import work


async def made(name: str, arguments: dict[str, Any], settings: dict[str, Any] | None = None, **using: Any) -> Any:
    """What a tool answers."""
    module = load_component(KIND, name)
    tool = cast(Tool, module.create(module.Config(**(settings or {}))))
    return await tool.answer(tool.arguments.model_validate(arguments), work(**using))


async def test_an_earlier_message_comes_back_in_pages() -> None:
    """What was too long for the conversation once is too long for it again."""
    items = {"item-4": AgentMessage(role="tool", name="view_trace", tool_call_id="c", content="abcdefghij" * 50)}

    first = await made("get_context_item", {"item_id": "item-4"}, {"max_chars": 300}, item=items.get)
    last = await made("get_context_item", {"item_id": "item-4", "offset": 300}, {"max_chars": 300}, item=items.get)

    assert first["text"] + last["text"] == "abcdefghij" * 50
    assert (first["next_offset"], last["next_offset"], first["total_chars"]) == (300, None, 500)
    assert (first["role"], first["name"]) == ("tool", "view_trace")


async def test_an_earlier_call_comes_back_with_its_arguments() -> None:
    """Which filter was used is half of what was found."""
    call = AgentToolCall(id="c", function=AgentToolFunction(name="count_traces", arguments='{"has_errors":true}'))
    message = AgentMessage(role="assistant", tool_calls=[call])

    answer = await made("get_context_item", {"item_id": "item-3"}, item={"item-3": message}.get)

    assert answer["tool_calls"] == [{"name": "count_traces", "arguments": '{"has_errors":true}'}]
    assert answer["text"] == ""


async def test_an_item_that_there_is_not_is_told_with_where_ids_are_found() -> None:
    """Or the model would guess on."""
    with pytest.raises(ToolError, match="no item 'item-9'; ids stand in the summaries"):
        await made("get_context_item", {"item_id": "item-9"}, item=lambda item_id: None)


class Asked:
    """A model that is asked, and answers with what it is told to."""

    def __init__(self, answer: str) -> None:
        self.purpose, self.question, self.context = "", "", ""
        self._answer = answer

    async def __call__(self, purpose: str, question: str, context: str) -> str:
        self.purpose, self.question, self.context = purpose, question, context
        return self._answer


async def test_traces_are_compared_by_what_they_hold(tmp_path: Path) -> None:
    """A list of span names says that something failed; what was said tells why."""
    asked, shown = Asked("ta failed at ta-2"), ShownIds()
    with window_of(tmp_path, trace("ta", error="stock service is down"), trace("tb")) as window:
        answer = await made(
            "synthesize_traces",
            {"trace_ids": ["ta", "tb", "ta"], "focus": "the stock"},
            window=window,
            ask=asked,
            shown=shown,
        )

    assert answer == {"summary": "ta failed at ta-2", "trace_count": 2}
    assert asked.purpose == "synthesis"
    assert asked.question.endswith("Look above all at: the stock")
    for text in (
        "trace ta: agent",
        "3 spans, 1 errors, 70 + 7 tokens",
        "- ta-2 in ta-0 TOOL tool 2 [lookup] 68.000 s ERROR stock service is down\n",
        'in: {"item": "apples"}',
        "- tb-1 in tb-0 LLM llm 1 [model-1]",
        "in: how many apples?",
        "out: 42 apples",
        "in: question of tb",
    ):
        assert text in asked.context
    assert {"ta", "tb"} <= shown.traces
    assert {span for name, span in shown.spans if name == "ta"} == {"ta-2"}


async def test_traces_that_there_are_not_and_too_many_of_them_are_refused(tmp_path: Path) -> None:
    """Nothing is paid for an id that was made up."""
    with window_of(tmp_path, trace("ta")) as window:
        with pytest.raises(ToolError, match="no trace 'zz-absent'"):
            await made("synthesize_traces", {"trace_ids": ["ta", "zz-absent"]}, window=window)
        with pytest.raises(ToolError, match="3 traces are too many for one call; give at most 2"):
            await made("synthesize_traces", {"trace_ids": ["a", "b", "c"]}, {"max_traces": 2}, window=window)


def skeleton(window: TraceWindow, name: str) -> Skeleton:
    """The skeleton of a trace of a window."""
    found = window.reader.trace(name)
    assert found is not None
    return skeleton_of(found, name, [stored.span_id for stored in found.spans])


def test_room_is_shared_fairly_between_traces(tmp_path: Path) -> None:
    """A giant must not push out the small ones, nor show nothing of itself, as an empty trace would."""
    with window_of(tmp_path, trace("big", tools=900, answer="y" * 3_000, error="boom"), trace("small")) as window:
        text = together([skeleton(window, "big"), skeleton(window, "small")], 10_000)

    assert len(text) < 11_000
    big, _, small = text.partition("\n\n")
    assert small == skeleton_text(tmp_path, "small")
    assert "902 spans" in big
    assert "more spans left out" in big
    assert "boom" in big


def skeleton_text(directory: Path, name: str) -> str:
    """The whole of a small trace."""
    (directory / "again").mkdir()
    with window_of(directory / "again", trace(name)) as window:
        return skeleton(window, name).within(100_000)


LINES = st.lists(
    st.builds(
        SpanLine,
        told=st.text("ab", min_size=1, max_size=80),
        failed=st.booleans(),
        texts=st.lists(st.tuples(st.sampled_from(["in", "out"]), st.text("xy", max_size=900)), max_size=3).map(tuple),
    ),
    max_size=60,
)


@given(st.lists(LINES, min_size=1, max_size=6), st.integers(2_000, 30_000))
def test_however_many_and_large_the_traces_are_they_fit(traces: list[list[SpanLine]], chars: int) -> None:
    """One call reads them all."""
    skeletons = [Skeleton(f"trace {number}", tuple(lines)) for number, lines in enumerate(traces)]

    text = together(skeletons, chars)

    assert len(text) <= chars + 60 * len(skeletons)
    assert [f"trace {number}" in text for number in range(len(skeletons))] == [True] * len(skeletons)
