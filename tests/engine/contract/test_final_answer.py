"""The tool that ends a run: any answer without a contract, a checked one with it, and a complaint once."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from engine.calling import Caller, load_tools
from engine.contract.checking import Contract, Judged
from engine.fencing import Fence
from engine.models.messages import AgentToolCall
from engine.tooling import Work
from engine.window import TraceWindow
from store.base import Selection
from tests.engine.contract.inquiries import RATE, finding, window
from tests.engine.fakes import tool

WRONG = {**RATE, "value": 0.97}


def a_window() -> TraceWindow:
    """The window of `inquiries`; no tool reads its traces here."""
    reader: Any = None
    return TraceWindow(reader, Selection(0, 2**62), window().evidence.built.report.agent, lambda: window().analysed)


def the_work(*, depth: int = 0, held: bool = True) -> Work:
    """What the tool may use; `held` says whether there is a contract."""

    async def nobody(*given: Any) -> Any:
        raise AssertionError("the tool asks nobody")

    traces = a_window()
    return Work(
        window=traces,
        agent_id="root",
        depth=depth,
        tool_call_id="",
        shown=window().shown,
        ask=nobody,
        delegate=None,
        item=lambda item_id: None,
        kept=AsyncExitStack(),
        belongings={"contract": Contract(traces, window().shown)} if held else {},
        call=nobody,
    )


@pytest.fixture
def caller() -> Caller:
    return Caller({"final_answer": load_tools({})["final_answer"]}, Fence("token1"))


def final(answer: str, **more: Any) -> AgentToolCall:
    return tool("final_answer", "", answer=answer, **more)


async def test_without_a_contract_the_answer_is_taken_as_it_was_written(caller: Caller) -> None:
    """Scripts written for HALO's engine get the model's Markdown, whatever it is."""
    work = the_work(held=False)
    reply = await caller.call(final("**97 of 99** fail, see {c1}.\n"), work)

    assert not reply.failed
    assert work.belongings["final_answer"] == "**97 of 99** fail, see {c1}.\n"


async def test_what_does_not_stand_is_sent_back_once_and_then_dropped(caller: Caller) -> None:
    """A model may mend its answer; it may not hold up the run."""
    work = the_work()
    said = final("It fails in {c1}. It is bad.", claims={"c1": WRONG})
    first = await caller.call(said, work)
    second = await caller.call(said, work)

    assert first.failed
    assert "the evidence says 18 of 29" in first.shown_to_model
    assert not second.failed
    assert str(work.belongings["final_answer"]) == "It is bad."


async def test_a_mended_answer_is_taken_whole(caller: Caller) -> None:
    """That is what the complaint is for."""
    work = the_work()
    await caller.call(final("{c1}", claims={"c1": WRONG}), work)
    reply = await caller.call(final("It fails in {c1}.", claims={"c1": RATE}, findings=[finding()]), work)
    taken = work.belongings["final_answer"]

    assert not reply.failed
    assert isinstance(taken, Judged)
    assert (taken.answer_md, taken.dropped) == ("It fails in 18 of 29 (62.1 %).", ())
    assert taken.findings[0].title == "next_page is called with an argument (62.1 %)"


async def test_the_last_answer_that_may_be_given_is_not_sent_back(caller: Caller) -> None:
    """When the budget is gone, half an answer is better than none."""
    work = the_work()
    work.belongings["concluding"] = True
    reply = await caller.call(final("It fails in {c1}. It is bad.", claims={"c1": WRONG}), work)

    assert not reply.failed
    assert str(work.belongings["final_answer"]) == "It is bad."


async def test_a_run_without_an_accepted_answer_keeps_what_stood_of_the_last(caller: Caller) -> None:
    """A model that never comes back after the complaint has said something all the same."""
    work = the_work()
    contract: Contract = work.belongings["contract"]
    await caller.call(final("It fails in {c1}. It is bad.", claims={"c1": WRONG}), work)

    assert str(await contract.conclude("It failed 97 times.")) == "It is bad."
    assert str(await Contract(a_window(), window().shown).conclude("It failed 97 times. It is bad.")) == "It is bad."


async def test_only_the_root_is_told_of_it(caller: Caller) -> None:
    """A subagent answers with its last message."""
    assert [spec.name for spec in caller.specs(the_work())] == ["final_answer"]
    assert caller.specs(the_work(depth=1)) == []


async def test_the_description_names_what_may_be_asked(caller: Caller) -> None:
    """A model can only claim what it knows how to ask."""
    (spec,) = caller.specs(the_work())
    told = str(spec.parameters["properties"]["claims"])

    assert spec.parameters["required"] == ["answer"]
    assert "spans" in told
    assert "error_template" in told
