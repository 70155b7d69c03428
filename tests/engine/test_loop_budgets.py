"""A run costs what it may cost: at nine tenths of a limit it concludes, at the limit it ends."""

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from domain.errors import RetryableError
from engine.agents.stages import Stage
from engine.budgets import Budget, BudgetLimits
from engine.engine_config import EngineConfig
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


def test_a_call_without_a_price_does_not_lift_the_limit_of_the_others() -> None:
    """One unpriced summary must not make a run of many dollars unlimited; the sum that is shown stays unknown."""
    budget = Budget(BudgetLimits(usd=1.0), lambda: 0.0)
    budget.charge(_usage(10), None)
    budget.charge(_usage(10), 0.95)

    assert budget.usd is None
    assert budget.spent() == ("the budget of $1.00 is spent ($0.9500 used, not counting models without a price)")


def test_what_had_a_price_counts_after_a_run_went_on() -> None:
    """Otherwise each crash would grant the whole limit anew."""
    budget = Budget(BudgetLimits(usd=1.0), lambda: 0.0)
    budget.resume(_usage(10), None, 5.0, known_usd=0.95)
    assert budget.spent()
    budget.resume(_usage(10), 0.25, 5.0)
    assert (budget.usd, budget.spent()) == (0.25, "")


async def test_a_limit_in_dollars_that_counts_nothing_says_so_once(tmp_path: Path) -> None:
    """Whoever sets a limit relies on it."""
    _, heard = await led(tmp_path, FakeModel([concludes()]), config(budget_usd=2.0))
    told = [step.text for step in heard.steps if step.kind == "retry"]
    assert told == ["the budget of $2.00 does not count fake-1: no price is known; give a price table"]
    _, silent = await led(tmp_path, FakeModel([concludes()]))
    assert not [step for step in silent.steps if step.kind == "retry"]


async def test_an_endpoint_that_never_answers_is_no_report(tmp_path: Path) -> None:
    """A report of a model that said nothing would pass for a look that was taken."""

    class Silent(FakeModel):
        async def answer(self, call: ModelCall, on_text: object = None) -> ModelAnswer:
            await asyncio.Event().wait()
            raise AssertionError

    with pytest.raises(RetryableError, match=r"^the endpoint did not answer within the budget of 0\.2 seconds"):
        await led(tmp_path, Silent([]), config(budget_seconds=0.2))


async def test_the_call_that_concludes_is_no_turn_beyond_the_last(tmp_path: Path) -> None:
    """`turn 4/3` looks like a fault."""
    _, heard = await led(tmp_path, FakeModel(_asks_forever), config(turns=3))
    assert [step.turn for step in heard.steps if step.kind == "turn"] == [1, 2, 3, 3]


@pytest.mark.parametrize("setting", ["budget_seconds", "budget_usd"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_limit_is_a_finite_number(setting: str, value: float) -> None:
    """Nothing can be kept for concluding of a limit that never ends."""
    with pytest.raises(ValidationError, match="finite number"):
        EngineConfig.model_validate(config().model_dump() | {setting: value})


async def test_a_limit_that_never_ends_cuts_nothing_off(tmp_path: Path) -> None:
    """A configuration may be changed after it was checked."""
    endless = config().model_copy(update={"budget_seconds": float("inf")})
    ended, _ = await led(tmp_path, FakeModel([concludes()]), endless)
    assert ended.ended.reason == ""


@pytest.mark.parametrize("seconds", [None, 60.0])
async def test_a_stage_takes_no_timeout_of_others_for_its_own(seconds: float | None) -> None:
    """What a tool or a client gave up is not a budget that is spent."""
    stage = Stage(lambda: "", seconds)
    with pytest.raises(TimeoutError, match="of somebody else"):
        async with stage:
            raise TimeoutError("of somebody else")
    assert not stage.cut_off
