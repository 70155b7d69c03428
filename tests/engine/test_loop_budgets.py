"""A run costs what it may cost: at nine tenths of a limit it concludes, at the limit it ends."""

import asyncio
from pathlib import Path

import pytest

from engine.llm.model import ModelAnswer, ModelCall, ModelUsage
from tests.engine.fakes import FakeModel, Heard, calls, concludes, says, tool
from tests.engine.runs import asks, config, led, window


def _usage(tokens: int) -> ModelUsage:
    return ModelUsage(requests=1, input_tokens=tokens)


def _asks_forever(call: ModelCall) -> ModelAnswer:
    if call.forced_tool:
        return concludes("what I have")
    return says("", tool("view_trace", trace_id=f"{len(call.messages):032x}"), usage=_usage(50))


async def test_nine_tenths_of_the_tokens_lead_to_the_final_answer(tmp_path: Path) -> None:
    """The last tenth is for telling what was found."""
    model = FakeModel(_asks_forever)
    ended, heard = await led(tmp_path, model, config(turns=50, budget_tokens=1_000))
    assert ended.ended.accepted
    assert ended.ended.reason.startswith("the budget of 1,000 tokens is spent")
    assert ended.team.budget.usage.tokens <= 1_100
    assert [item.item.content for item in heard.items if item.final] == ["what I have"]


async def test_a_budget_that_one_answer_exceeds_leaves_no_further_call(tmp_path: Path) -> None:
    """A limit is a limit: what there is stands, and says that it is not all."""
    answer = says("first words", tool("count_traces"), usage=_usage(5_000))
    model = FakeModel([answer])
    ended, heard = await led(tmp_path, model, config(budget_tokens=1_000))
    assert len(model.asked) == 1
    assert not ended.ended.accepted
    assert "first words" in str(heard.items[-1].item.content)
    assert heard.items[-1].final


async def test_an_answer_that_spends_the_budget_is_still_an_answer(tmp_path: Path) -> None:
    """It was paid for."""
    ended, _ = await led(
        tmp_path,
        FakeModel([says("", tool("final_answer", answer="good"), usage=_usage(5_000))]),
        config(budget_tokens=100),
    )
    assert (ended.ended.text, ended.ended.reason) == ("good", "")


async def test_a_turn_is_not_begun_that_leaves_no_room_for_an_answer(tmp_path: Path) -> None:
    """Late turns carry long conversations: one of them may be more than a tenth of the budget."""

    def script(call: ModelCall) -> ModelAnswer:
        answer = _asks_forever(call)
        return says("", *answer.tool_calls, usage=_usage(300))

    model = FakeModel(script)
    ended, _ = await led(tmp_path, model, config(turns=50, budget_tokens=1_000))
    assert ended.ended.accepted
    assert "no room for another turn" in ended.ended.reason
    assert ended.team.budget.usage.tokens <= 1_000


async def test_money_is_a_budget_where_prices_are_known(tmp_path: Path) -> None:
    """And where they are not, it limits nothing rather than everything."""
    prices = tmp_path / "prices.json"
    prices.write_text('{"models": {"fake-1": {"input": 1000000.0, "output": 1000000.0}}}')
    model = FakeModel(_asks_forever)
    ended, _ = await led(tmp_path, model, config(turns=50, budget_usd=1_000.0, prices_path=prices))
    assert "$1,000.00" in ended.ended.reason
    unknown, _ = await led(tmp_path, FakeModel([concludes()]), config(budget_usd=0.01))
    assert unknown.ended.reason == ""


async def test_a_wall_clock_budget_ends_a_model_that_hangs(tmp_path: Path) -> None:
    """Nobody waits for an endpoint longer than was allowed."""

    class Hanging(FakeModel):
        async def answer(self, call: ModelCall, on_text: object = None) -> ModelAnswer:
            self.asked.append(call)
            if not call.forced_tool:
                await asyncio.Event().wait()
            return concludes("late, but there")

    model = Hanging([])
    ended, heard = await led(tmp_path, model, config(budget_seconds=0.2))
    assert ended.ended.reason.startswith("the budget of")
    assert [item.item.content for item in heard.items if item.final] == ["late, but there"]


async def test_a_subagent_that_spends_the_rest_is_cut_off_with_its_siblings(tmp_path: Path) -> None:
    """The budget is one for the whole tree, and the conversation that is left is valid."""
    never = asyncio.Event()

    class Greedy(FakeModel):
        async def answer(self, call: ModelCall, on_text: object = None) -> ModelAnswer:
            self.asked.append(call)
            if call.forced_tool:
                return concludes("cut short")
            if not call.caller.startswith("sub-"):
                return calls(tool("call_subagent", "a", input="spend"), tool("call_subagent", "b", input="wait"))
            if call.messages[1].content == "wait":
                await never.wait()
            return says("spent", usage=_usage(850))

    model = Greedy([])
    ended, _ = await led(tmp_path, model, config(budget_tokens=1_000))
    assert ended.ended.text == "cut short"
    last = model.asked[-1].messages
    called = {call.id for message in last for call in message.tool_calls or []}
    assert called == {message.tool_call_id for message in last if message.role == "tool"} == {"a", "b"}


async def test_cancelling_a_run_ends_everything_it_started(tmp_path: Path) -> None:
    """Children and requests go with it; nothing is left behind on the loop."""
    waiting, let_go = asyncio.Event(), []

    class Waiting(FakeModel):
        async def answer(self, call: ModelCall, on_text: object = None) -> ModelAnswer:
            if not call.caller.startswith("sub-"):
                return calls(tool("call_subagent", input="wait"), tool("call_subagent", input="wait too"))
            try:
                waiting.set()
                await asyncio.Event().wait()
                return says("never said")
            finally:
                let_go.append(call.caller)

    from engine.running import run

    with window(tmp_path) as opened:
        running = asyncio.create_task(run(asks(), config(), opened, Heard(), model=Waiting([])))
        await waiting.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert len(let_go) == 2
    assert asyncio.all_tasks() == {asyncio.current_task()}
