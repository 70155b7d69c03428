"""One tool call: whatever the model writes and whatever the tool does, there is one bounded answer that helps."""

import asyncio
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError, PermanentError
from engine.answering import answered, refused
from engine.calling import Caller, ToolReply, load_tools
from engine.fencing import Fence
from engine.models.messages import AgentToolCall, AgentToolFunction
from engine.tooling import ToolError
from tests.engine.fake_tools import FakeTool, work

FENCE = Fence("c0ffee00c0ffee00")


def caller(*tools: FakeTool) -> Caller:
    return Caller({tool.name: tool for tool in tools}, FENCE)


async def reply(tool: FakeTool, arguments: str = '{"trace_id": "t1"}', name: str = "view_trace") -> ToolReply:
    call = AgentToolCall(id="c", function=AgentToolFunction(name=name, arguments=arguments))
    return await caller(tool, FakeTool(name="view_spans"), FakeTool(name="hidden", offered=False)).call(call, work())


async def error(tool: FakeTool, *call: str) -> str:
    made = await reply(tool, *call)
    assert made.failed
    assert made.shown_to_model == made.content
    text = json.loads(made.content)["error"]
    assert "\n" not in text
    return str(text)


async def test_a_result_is_json_and_the_model_reads_it_behind_the_fence() -> None:
    """Events are told what the peer engine tells; the model must not take it for words of ours."""
    made = await reply(FakeTool({"spans": [1, 2]}))

    assert made == ToolReply('{"result":{"spans":[1,2]}}', FENCE.around('{"result":{"spans":[1,2]}}'), False)


async def test_an_unknown_tool_is_answered_with_the_near_ones() -> None:
    """Smaller models invent names; what they meant is one look away."""
    tool = FakeTool()

    assert await error(tool, "{}", "view_traces") == "'view_traces' is no tool; near are: view_trace, view_spans"
    assert await error(tool, "{}", "zzz") == "'zzz' is no tool; there are: view_spans, view_trace"
    assert await error(tool, "{}", "hidden") == "'hidden' is not for this agent; there are: view_spans, view_trace"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"trace_id": ', "the arguments of view_trace are not JSON (Expecting value: line 1 column 13 (char 12))"),
        ('["t1"]', "the arguments of view_trace are a JSON array; write one JSON object"),
        ('{"trace_id": "t1", "limit": NaN}', "NaN is no JSON number"),
        ("[" * 100_000, "nested too deeply"),
        ("", "view_trace: trace_id is missing. It takes: trace_id, limit?, title?"),
        ('{"traceid": "t1"}', "traceid is no argument, trace_id is"),
        ('{"trace_id": "t1", "zzz": 1}', "zzz is no argument. It takes"),
        ('{"trace_id": 7}', "trace_id: input should be a valid string, not 7"),
        ('{"trace_id": "t1", "limit": 99}', "limit: input should be less than or equal to 50, not 99"),
        ('{"trace_id": null}', "trace_id: input should be a valid string, not null"),
    ],
)
async def test_arguments_that_do_not_fit_are_told_in_one_line(arguments: str, said: str) -> None:
    """The model is to correct its call at once, so it needs which argument, and what is right; the tool never runs."""
    tool = FakeTool("never")

    assert said in await error(tool, arguments)
    assert tool.given == []


async def test_null_means_the_default_where_null_is_not_known() -> None:
    """Models fill what they leave open with null."""
    tool = FakeTool("ok")

    await reply(tool, '{"trace_id": "t1", "limit": null, "title": null}')

    assert [(seen.trace_id, seen.limit, seen.title) for seen in tool.given] == [("t1", 5, None)]


async def test_arguments_hold_nothing_that_cannot_be_encoded() -> None:
    """Half a character would break whatever the tool does with it: a query, a pattern, a file name."""
    tool = FakeTool("ok")

    await reply(tool, '{"trace_id": "\\ud83d\\ude00\\ud800"}')

    assert tool.given[0].trace_id == "😀\ufffd"


async def test_many_problems_are_bounded() -> None:
    """A model that writes a thousand wrong arguments is not sent a thousand lines."""
    text = await error(FakeTool(), json.dumps({f"argument {number}": 1 for number in range(1_000)}))

    assert text.count("is no argument") == 4
    assert "and 996 more" in text


async def test_errors_of_a_tool_are_answers_and_end_nothing() -> None:
    """What a tool says is passed on; what breaks within it is not shown, for it may hold what a span holds."""
    assert await error(FakeTool(ToolError("no trace t1; ids come from query_traces"))) == (
        "no trace t1; ids come from query_traces"
    )
    assert await error(FakeTool(PermanentError("two traces begin with t1"))) == "view_trace: two traces begin with t1"
    broken = await error(FakeTool(RuntimeError("secret of a span")))
    assert broken == "view_trace failed within (RuntimeError); this call will fail again: ask in another way"
    assert len(await error(FakeTool(ToolError("x" * 100_000)))) < 20_100


async def test_a_tool_that_takes_too_long_is_given_up() -> None:
    """A thread cannot be ended, but an agent need not wait for it."""

    async def forever(_: object) -> None:
        await asyncio.Event().wait()

    async def times_out_by_itself(_: object) -> None:
        raise TimeoutError

    assert "took longer than 0.01 s and was given up" in await error(FakeTool(forever, timeout_s=0.01))
    assert "TimeoutError" in await error(FakeTool(times_out_by_itself))


async def test_cancelling_a_run_goes_through_a_call() -> None:
    """Or a run could not be stopped."""
    started = asyncio.Event()

    async def forever(_: object) -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(reply(FakeTool(forever)))
    await started.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_that_is_too_large_says_so_in_valid_json() -> None:
    """Cut JSON misleads; a size and an advice do not."""
    made = await reply(FakeTool(["é" * 600], max_answer_bytes=1_000))

    assert not made.failed
    told = json.loads(made.content)
    assert told["result"] is None
    assert (told["oversized"]["bytes"], told["oversized"]["limit_bytes"]) == (1_215, 1_000)
    assert "ask for less" in told["oversized"]["recommendation"]


async def test_a_tool_can_say_itself_what_is_too_large() -> None:
    """It knows which spans are the large ones."""
    value = {"spans": ["x" * 2_000], "oversized": {"span_count": 900}}

    assert json.loads((await reply(FakeTool(value, max_answer_bytes=1_000))).content) == {
        "result": {"oversized": {"span_count": 900}}
    }
    value["oversized"] = "x" * 2_000
    assert json.loads((await reply(FakeTool(value, max_answer_bytes=1_000))).content)["result"] is None


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(JSON_LIKE, st.integers(1_000, 2_000))
def test_whatever_a_tool_returns_becomes_json_within_its_limit(value: Any, limit: int) -> None:
    """Spans hold any bytes there are; an answer that cannot be sent would end the run."""
    text = answered(value, limit)

    assert len(text.encode()) <= limit
    json.loads(text, parse_constant=lambda constant: pytest.fail(constant))


@given(st.text(st.characters()))
def test_every_error_is_json_and_says_something(text: str) -> None:
    """Lone surrogates come in the names that a model writes."""
    assert json.loads(refused(text).encode())["error"]


def test_what_json_does_not_know_keeps_its_meaning() -> None:
    """Not a number is nothing; halves of a character are joined; bytes are text; sets have an order."""
    value = {1: math.nan, "a": "\ud83d\ude00", "b": b"\xffx", "c": {"z", "y"}, "d": (1,), "e": 10**3_000}

    assert json.loads(answered(value, 10_000))["result"] == {
        "1": None, "a": "😀", "b": "\ufffdx", "c": ["y", "z"], "d": [1], "e": hex(10**3_000),
    }  # fmt: skip


def test_a_model_is_told_of_the_tools_it_may_call_and_always_in_the_same_order() -> None:
    """Providers cache what does not change; titles only repeat names, but an argument may be called title."""
    first = caller(FakeTool(name="b"), FakeTool(name="a"), FakeTool(name="c", offered=False)).specs(work())
    second = caller(FakeTool(name="a"), FakeTool(name="b")).specs(work())

    assert first == second
    assert [spec.name for spec in first] == ["a", "b"]
    assert first[0].parameters == {
        "type": "object",
        "additionalProperties": False,
        "required": ["trace_id"],
        "properties": {
            "trace_id": {"type": "string", "description": "Which trace."},
            "limit": {"type": "integer", "default": 5, "minimum": 1, "maximum": 50, "description": "Most of them."},
            "title": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
    }


async def test_code_calls_the_same_tools_and_gets_plain_values() -> None:
    """Code may look through more than a conversation holds; that is what it is for."""
    large = ["x" * 2_000]
    made = caller(FakeTool(large, max_answer_bytes=1_000), FakeTool(ToolError("no"), name="refuses"))

    assert await made.value("view_trace", {"trace_id": "t1"}, work()) == large
    for name, arguments, said in [
        ("refuses", {"trace_id": "t1"}, "no"),
        ("view_trace", {}, "trace_id is missing"),
        ("absent", {}, "is no tool"),
    ]:
        with pytest.raises(ToolError, match=said):
            await made.value(name, arguments, work())
    with pytest.raises(ToolError, match="ask for less"):
        await caller(FakeTool("x" * 5_000_000)).value("view_trace", {"trace_id": "t1"}, work())
    with pytest.raises(ToolError, match="failed within"):
        await caller(FakeTool(ValueError())).value("view_trace", {"trace_id": "t1"}, work())


def test_every_tool_that_ships_is_loaded_with_its_settings() -> None:
    """A tool is a file; no list has to be kept."""
    tools = load_tools({"call_subagent": {"timeout_s": 7}})

    assert tools["call_subagent"].config.timeout_s == 7
    assert {tool.name for tool in tools.values()} == set(tools)


def test_settings_that_do_not_exist_are_refused_all_at_once() -> None:
    """A misspelt limit would be no limit."""
    with pytest.raises(ConfigError) as caught:
        load_tools({"call_subagents": {}, "call_subagent": {"timeout": 7}})

    assert [problem.partition(";")[0] for problem in caught.value.problems] == [
        "tools.call_subagents: no such tool",
        "tools.call_subagent.timeout: Extra inputs are not permitted",
    ]
