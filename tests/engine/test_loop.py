"""A run ends in one of a few ways, and never in silence."""

import json
from pathlib import Path

import pytest

from domain.errors import PermanentError, RetryableError
from engine.llm.model import ModelAnswer, ModelCall, ModelUsage
from tests.engine.fakes import FakeModel, calls, concludes, says, tool
from tests.engine.runs import asks, config, led


def _last_user_text(call: ModelCall) -> str:
    return str(call.messages[-1].content)


async def test_a_final_answer_ends_the_run_and_is_told_as_the_final_message(tmp_path: Path) -> None:
    """The one message a script looks for."""
    model = FakeModel([says("looking", tool("count_traces")), concludes("# All is well")])
    ended, heard = await led(tmp_path, model)
    finals = [item for item in heard.items if item.final]
    assert [item.item.content for item in finals] == ["# All is well"]
    assert (finals[0].item.role, finals[0].item.tool_calls) == ("assistant", None)
    assert ended.ended.reason == ""


async def test_every_turn_is_announced_last_and_never_kept(tmp_path: Path) -> None:
    """What precedes the notice stays as it was, so providers find it in their caches."""
    model = FakeModel([calls(tool("count_traces")), calls(tool("count_traces")), concludes()])
    await led(tmp_path, model, config(turns=3))
    notices = [_last_user_text(call) for call in model.asked]
    assert [notice.split(".")[0] for notice in notices] == [f"[engine] Turn {turn} of 3" for turn in (1, 2, 3)]
    assert "last turn" in notices[-1]
    earlier, later = model.asked[0].messages[:-1], model.asked[1].messages
    assert list(later[: len(earlier)]) == list(earlier)


async def test_a_root_that_only_talks_is_asked_again_and_then_taken_at_its_word(tmp_path: Path) -> None:
    """A run without a final answer is an incomplete run that says so, not a silent success."""
    model = FakeModel([says("well"), says("it is the cache")])
    ended, heard = await led(tmp_path, model)
    assert len(model.asked) == 2
    assert "final_answer" in str(model.asked[1].messages[-2].content)
    assert ended.ended.reason == "the model gave no answer: it stopped without calling final_answer"
    final = [item for item in heard.items if item.final]
    assert len(final) == 1 and final[0] is heard.items[-1]
    assert str(final[0].item.content).startswith("> **Incomplete:** the model gave no answer")
    assert "it is the cache" in str(final[0].item.content)


async def test_used_up_turns_leave_one_call_that_must_conclude(tmp_path: Path) -> None:
    """What was found in many turns is worth one more request."""
    model = FakeModel(
        lambda call: (
            concludes("half of it") if call.forced_tool else calls(tool("count_traces", turn=len(call.messages)))
        )
    )
    ended, heard = await led(tmp_path, model, config(turns=3))
    assert [call.forced_tool for call in model.asked] == ["", "", "", "final_answer"]
    assert (ended.ended.text, ended.ended.reason) == ("half of it", "all 3 turns are used up")
    assert [item.item.content for item in heard.items if item.final] == ["half of it"]


async def test_a_model_that_cannot_conclude_leaves_its_last_words(tmp_path: Path) -> None:
    """Even the forced call may be answered with something else."""
    model = FakeModel(
        lambda call: says("so far: retries") if call.forced_tool else calls(tool("count_traces", t=len(call.messages)))
    )
    ended, heard = await led(tmp_path, model, config(turns=2))
    assert "so far: retries" in str(heard.items[-1].item.content)
    assert ended.ended.reason == "all 2 turns are used up"


async def test_a_refusal_is_nudged_as_often_as_was_asked_for(tmp_path: Path) -> None:
    """Then it is the reason why there is no answer."""
    refusal = says("", refusal="I will not")
    model = FakeModel([refusal, concludes()])
    ended, _ = await led(tmp_path, model, config(root={"refusal_retries": 1}))
    assert ended.ended.reason == ""
    model = FakeModel([refusal])
    ended, heard = await led(tmp_path, model)
    assert ended.ended.reason == "the model refused: I will not"
    assert heard.items[-1].final


async def test_one_call_over_and_over_is_answered_with_the_limit_and_then_ends_the_run(tmp_path: Path) -> None:
    """An endless loop costs a few turns, not all of them."""
    model = FakeModel(lambda call: concludes("gave up") if call.forced_tool else calls(tool("count_traces")))
    ended, heard = await led(tmp_path, model, config(turns=50))
    results = [str(item.item.content) for item in heard.items if item.item.role == "tool"]
    assert ["is the limit" in result for result in results] == [False] * 3 + [True] * 5
    assert ended.ended.reason == "the model made one tool call over and over"
    assert len(model.asked) == 9


async def test_unknown_tools_and_broken_arguments_are_answered_to_the_model(tmp_path: Path) -> None:
    """A mistake of the model costs a turn, never the run."""
    broken = tool("count_traces").model_copy()
    broken.function.arguments = "{not json"
    model = FakeModel([calls(tool("no_such_tool"), broken, tool("count_traces", nonsense=1)), concludes()])
    ended, heard = await led(tmp_path, model)
    results = [item for item in heard.items if item.item.role == "tool"]
    assert len(results) == 3
    assert "no_such_tool" in str(results[0].item.content)
    assert ended.ended.reason == ""


async def test_results_come_in_the_order_of_the_calls(tmp_path: Path) -> None:
    """Whatever finishes first."""
    made = [tool("get_dataset_overview", "a"), tool("count_traces", "b")]
    model = FakeModel([calls(*made), concludes()])
    _, heard = await led(tmp_path, model)
    results = [item.item for item in heard.items if item.item.role == "tool"]
    assert [(result.tool_call_id, result.name) for result in results] == [
        ("a", "get_dataset_overview"),
        ("b", "count_traces"),
    ]
    assert json.loads(str(results[1].content)) == {"result": {"total": 11}}


@pytest.mark.parametrize("error", [PermanentError("401: the key is wrong"), RetryableError("500, again and again")])
async def test_a_model_that_never_answers_is_the_callers_error(tmp_path: Path, error: Exception) -> None:
    """Nothing was found, so there is nothing to tell but why."""
    with pytest.raises(type(error), match=str(error)[:3]):
        await led(tmp_path, FakeModel([error]))


async def test_a_model_that_is_lost_midway_leaves_what_was_found(tmp_path: Path) -> None:
    """An outage after an hour of work must not cost the hour."""
    model = FakeModel([says("retries everywhere", tool("count_traces")), RetryableError("503")])
    ended, heard = await led(tmp_path, model)
    assert ended.ended.reason == "the model could not be asked any more: 503"
    assert "retries everywhere" in str(heard.items[-1].item.content)


async def test_a_leading_system_message_is_kept_and_told_what_is_data(tmp_path: Path) -> None:
    """A conversation of a checkpoint brings the one it began with."""
    from engine.models.messages import AgentMessage
    from engine.running import run
    from tests.engine.fakes import Heard
    from tests.engine.runs import window

    model = FakeModel([concludes()])
    with window(tmp_path) as opened:
        system = AgentMessage(role="system", content="as before")
        await run([system, *asks()], config(), opened, Heard(), model=model)
    first, second, _ = model.asked[0].messages
    assert str(first.content).startswith("as before\n\nWhat stands between a line <<<data ")
    assert second.content == "what is wrong?"


async def test_calls_beyond_the_limit_of_one_answer_are_told_so(tmp_path: Path) -> None:
    """A model that asks for a hundred things at once gets what is bearable."""
    wanted = [tool("view_trace", trace_id=f"{number:032x}") for number in range(1, 41)]
    _, heard = await led(tmp_path, FakeModel([calls(*wanted), concludes()]))
    results = [str(item.item.content) for item in heard.items if item.item.role == "tool"]
    assert ["at most 32 calls" in result for result in results] == [False] * 32 + [True] * 8


async def test_a_conversation_stays_valid_where_call_ids_are_used_again(tmp_path: Path) -> None:
    """Some endpoints number calls anew in each answer."""

    def script(call: ModelCall) -> ModelAnswer:
        if call.forced_tool:
            return concludes("enough")
        trace_id = f"{len(call.messages):032x}"
        return says("", tool("view_trace", "call_0", trace_id=trace_id), usage=ModelUsage(requests=1, input_tokens=450))

    model = FakeModel(script)
    ended, _ = await led(tmp_path, model, config(budget_tokens=900))
    assert ended.ended.text == "enough"
    roles = [message.role for message in model.asked[-1].messages]
    assert roles.count("tool") == sum(len(message.tool_calls or []) for message in model.asked[-1].messages)


async def test_an_answer_of_nothing_is_asked_for_again(tmp_path: Path) -> None:
    """Silence is no answer of a subagent either, and no message of a conversation."""

    def script(call: ModelCall) -> ModelAnswer:
        if call.caller.startswith("sub-"):
            return says("found it") if len(call.messages) > 3 else says("")
        asked_before = any(message.role == "tool" for message in call.messages)
        return concludes() if asked_before else calls(tool("call_subagent", input="why?"))

    model = FakeModel(script)
    _, heard = await led(tmp_path, model)
    result = next(item.item for item in heard.items if item.item.role == "tool")
    assert "found it" in str(result.content)
    again = [call for call in model.asked if call.caller.startswith("sub-")][1]
    assert [message.role for message in again.messages] == ["system", "user", "user", "user"]


async def test_an_answer_cut_off_in_a_subagent_is_told_as_such(tmp_path: Path) -> None:
    """Half a sentence must not pass for a finding."""

    def script(call: ModelCall) -> ModelAnswer:
        if call.caller.startswith("sub-"):
            return says("the cause is", finish="length")
        asked_before = any(message.role == "tool" for message in call.messages)
        return concludes() if asked_before else calls(tool("call_subagent", input="why?"))

    _, heard = await led(tmp_path, FakeModel(script))
    result = next(item.item for item in heard.items if item.item.role == "tool")
    assert "cut off" in str(result.content)
