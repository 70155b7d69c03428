"""Subagents: a level deep, so many at once, and never the end of their parent."""

import asyncio
import json
from pathlib import Path
from typing import Any

from domain.errors import RetryableError
from engine.llm.model import ModelAnswer, ModelCall
from engine.models.messages import AgentToolCall
from tests.engine.fakes import FakeModel, calls, concludes, says, tool
from tests.engine.runs import config, led


def _is_sub(call: ModelCall) -> bool:
    return call.caller.startswith("sub-")


def _has_results(call: ModelCall) -> bool:
    return any(message.role == "tool" for message in call.messages)


def _down(task: str, count: int) -> list[AgentToolCall]:
    return [tool("call_subagent", input=f"{task} {number}") for number in range(count)]


def _delegating(sub: Any, count: int = 1) -> FakeModel:
    """A root that delegates `count` times in one turn and then concludes."""

    def script(call: ModelCall) -> ModelAnswer | BaseException:
        if _is_sub(call):
            answer: ModelAnswer | BaseException = sub(call)
            return answer
        if _has_results(call):
            return concludes()
        return calls(*(tool("call_subagent", f"call-{number}", input=f"task {number}") for number in range(count)))

    return FakeModel(script)


async def test_a_subagent_starts_afresh_and_only_its_answer_comes_back(tmp_path: Path) -> None:
    """The parent's conversation stays short, the child's free of it."""
    model = _delegating(lambda call: says("eleven") if _has_results(call) else says("let me see", tool("count_traces")))
    _, heard = await led(tmp_path, model)
    first = next(call for call in model.asked if _is_sub(call))
    assert [message.role for message in first.messages] == ["system", "user", "user"]
    assert first.messages[1].content == "task 0"
    assert "final_answer" not in {spec.name for spec in first.tools}
    result = next(item.item for item in heard.items if item.item.name == "call_subagent")
    brought = json.loads(str(result.content))
    child = [item for item in heard.items if item.depth == 1]
    assert brought == {
        "child_agent_id": child[0].agent_id,
        "answer": "eleven",
        "output_start_sequence": child[0].sequence,
        "output_end_sequence": child[-1].sequence,
        "turns_used": 2,
        "tool_calls_made": 1,
    }


async def test_every_event_of_a_child_names_its_parent_and_the_call(tmp_path: Path) -> None:
    """So that a viewer can draw the tree."""
    _, heard = await led(tmp_path, _delegating(lambda call: says("found it"), count=2))
    root = heard.items[0].agent_id
    for number in range(2):
        child = [event for event in heard.events if getattr(event, "parent_tool_call_id", None) == f"call-{number}"]
        assert child and {(event.parent_agent_id, event.depth) for event in child} == {(root, 1)}  # type: ignore[union-attr]
        assert len({event.agent_id for event in child}) == 1
    assert [event.sequence for event in heard.events] == list(range(len(heard.events)))


async def test_a_failing_child_is_an_answer_to_its_parent(tmp_path: Path) -> None:
    """The parent goes on with what it has."""
    ended, heard = await led(tmp_path, _delegating(lambda call: RetryableError("503 from the endpoint")))
    result = next(item.item for item in heard.items if item.item.name == "call_subagent")
    assert "did not finish: the model could not be asked: 503" in json.loads(str(result.content))["answer"]
    assert ended.ended.reason == ""


async def test_a_child_without_turns_left_says_what_it_said_last(tmp_path: Path) -> None:
    """Better than nothing, and marked as unfinished."""
    model = _delegating(lambda call: says("so far", tool("count_traces", t=len(call.messages))))
    _, heard = await led(tmp_path, model, config(sub_turns=2))
    result = next(item.item for item in heard.items if item.item.name == "call_subagent")
    brought = json.loads(str(result.content))
    assert "all 2 turns are used up" in brought["answer"] and "so far" in brought["answer"]
    assert brought["turns_used"] == 2


async def test_the_deepest_level_is_offered_no_subagents(tmp_path: Path) -> None:
    """And a model that calls one all the same is told so."""
    model = _delegating(
        lambda call: says("done") if _has_results(call) else calls(tool("call_subagent", input="deeper"))
    )
    _, heard = await led(tmp_path, model)
    offered = {call.caller[:4]: {spec.name for spec in call.tools} for call in model.asked}
    assert "call_subagent" in offered["root"]
    assert "call_subagent" not in offered["sub-"]
    assert max(item.depth for item in heard.items) == 1


async def test_no_more_than_the_limit_work_at_once_and_levels_do_not_block_each_other(tmp_path: Path) -> None:
    """One limit for all levels would leave parents waiting for children that wait for them."""
    working: dict[int, int] = {1: 0, 2: 0}
    most: dict[int, int] = {1: 0, 2: 0}

    class Nested(FakeModel):
        async def answer(self, call: ModelCall, on_text: object = None) -> ModelAnswer:
            self.asked.append(call)
            depth = str(call.messages[1].content).count("down")
            if not _is_sub(call):
                return concludes() if _has_results(call) else calls(*_down("down", 5))
            if depth == 1 and not _has_results(call):
                return calls(*_down("down down", 3))
            working[depth] += 1
            most[depth] = max(most[depth], working[depth])
            await asyncio.sleep(0)
            working[depth] -= 1
            return says("up")

    model = Nested([])
    ended, _ = await led(tmp_path, model, config(maximum_depth=2, maximum_parallel_subagents=2))
    assert ended.ended.reason == ""
    assert ended.team.agents == 1 + 5 + 15
    assert most[2] <= 2 and most[1] <= 2
