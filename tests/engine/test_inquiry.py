"""An inquiry leaves a checked report, whatever the model does; and one that was cut off goes on."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.errors import PermanentError
from domain.report import Report
from engine.inquiry import Examined, examine
from engine.llm.model import Model, ModelAnswer, ModelCall
from tests.engine.fakes import FakeModel, Heard, calls, says, tool
from tests.engine.runs import TRACES, asks, config, window

COUNTED = {"c1": {"type": "count", "ask": {"query": "spans", "args": {"kind": "AGENT"}}, "value": TRACES}}
MISCOUNTED = {"c1": {"type": "count", "ask": {"query": "spans", "args": {"kind": "AGENT"}}, "value": TRACES + 3}}


async def _examined(directory: Path, model: Model, heard: Heard | None = None, **settings: Any) -> Examined:
    resume = settings.pop("resume", False)
    with window(directory) as opened:
        return await examine(asks(), config(**settings), opened, heard or Heard(), resume=resume, model=model)


def _final(claims: dict[str, Any], answer: str = "There were {c1} agents at work.") -> ModelAnswer:
    return calls(tool("final_answer", answer=answer, claims=claims))


async def test_a_claimed_number_is_in_the_report_as_it_was_counted(tmp_path: Path) -> None:
    """The whole point: what is read is what the evidence says."""
    heard = Heard()
    done = await _examined(tmp_path, FakeModel([calls(tool("get_dataset_overview")), _final(COUNTED)]), heard)
    report = done.built.report
    assert (done.status, done.reason, report.mode) == ("completed", "", "model")
    assert report.inquiry is not None
    assert report.inquiry.answer_md == done.answer_md
    assert f"{TRACES} agents" in done.answer_md.replace("**", "")
    assert (report.inquiry.question, report.inquiry.models, report.inquiry.turns) == ("what is wrong?", ("fake-1",), 2)
    assert report.spend.requests == 2 and report.spend.input_tokens == 200
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert [item.item.content for item in heard.items if item.final] == [done.answer_md]


async def test_a_wrong_claim_goes_back_once_and_is_then_dropped(tmp_path: Path) -> None:
    """A model may mend a slip; it may not insist."""
    insisting = FakeModel([_final(MISCOUNTED), _final(MISCOUNTED)])
    done = await _examined(tmp_path, insisting)
    assert len(insisting.asked) == 2
    assert "c1" in str(insisting.asked[1].messages[-2].content)
    report = done.built.report
    assert str(TRACES + 3) not in done.answer_md
    assert report.inquiry is not None and report.inquiry.dropped
    assert report.claims.wrong == 1


async def test_a_run_that_ends_early_leaves_the_analysis_and_says_why(tmp_path: Path) -> None:
    """Nobody has to guess whether a report is whole."""
    model = FakeModel([says("I looked around and found no trouble."), says("Still none. There were 999 of them.")])
    heard = Heard()
    done = await _examined(tmp_path, model, heard)
    assert done.status == "incomplete"
    assert done.built.report.inquiry is not None
    assert done.built.report.inquiry.incomplete == done.reason
    assert done.built.report.coverage.traces == TRACES
    assert heard.items[-1].final and "Still none." in str(heard.items[-1].item.content)
    assert "999" not in str(heard.items[-1].item.content)


async def test_the_contract_and_the_fence_are_told_to_the_root(tmp_path: Path) -> None:
    """What will be checked is said beforehand, and data is told from instructions."""
    model = FakeModel([_final(COUNTED)])
    await _examined(tmp_path, model)
    system = str(model.asked[0].messages[0].content)
    assert "Every number is a claim" in system
    assert "<<<data " in system


class _Killed(BaseException):
    """The process dies."""


async def test_a_run_that_was_killed_goes_on_from_its_last_turn(tmp_path: Path) -> None:
    """It asks nothing twice, and its report counts what was spent before."""
    path = tmp_path / "state.json"
    first = FakeModel([says("one", tool("get_dataset_overview")), says("two", tool("count_traces")), _Killed()])
    before = Heard()
    with pytest.raises(_Killed):
        await _examined(tmp_path, first, before, checkpoint_path=path)
    second, after = FakeModel([_final(COUNTED)]), Heard()
    done = await _examined(tmp_path, second, after, checkpoint_path=path, resume=True)
    kept = [message for message in second.asked[0].messages[:-1] if message.role == "assistant"]
    assert [message.content for message in kept] == ["one", "two"]
    assert "Turn 3 of 8" in str(second.asked[0].messages[-1].content)
    assert after.events[0].sequence == before.events[-1].sequence + 1
    assert after.events[0].agent_id == before.events[0].agent_id
    assert done.built.report.spend.requests == 3
    assert not path.exists()


async def test_a_state_of_another_question_is_not_gone_on_with(tmp_path: Path) -> None:
    """An answer to a question that nobody asked is worse than none."""
    path = tmp_path / "state.json"
    with pytest.raises(_Killed):
        await _examined(tmp_path, FakeModel([calls(tool("count_traces")), _Killed()]), checkpoint_path=path)
    with window(tmp_path) as opened, pytest.raises(PermanentError, match="asked something else"):
        await examine(asks("another"), config(checkpoint_path=path), opened, Heard(), resume=True, model=FakeModel([]))


async def test_a_place_that_takes_no_state_is_known_before_anything_is_paid(tmp_path: Path) -> None:
    """Not after an hour."""
    model = FakeModel([])
    with pytest.raises(PermanentError, match="cannot write the run's state"):
        await _examined(tmp_path, model, checkpoint_path=tmp_path / "missing" / "state.json")
    assert model.asked == []


async def test_ids_that_were_shown_before_a_restart_may_be_claimed_after_it(tmp_path: Path) -> None:
    """What the model has seen is part of its state."""
    path = tmp_path / "state.json"
    trace_id, span_id = f"{1:032x}", f"{1:016x}"
    with pytest.raises(_Killed):
        await _examined(
            tmp_path, FakeModel([calls(tool("view_trace", trace_id=trace_id)), _Killed()]), checkpoint_path=path
        )
    quote = {"type": "exists", "trace_id": trace_id, "span_id": span_id, "field": "name", "quote": "agent"}
    done = await _examined(
        tmp_path,
        FakeModel([_final({"c1": quote}, "A span says {c1}.")]),
        checkpoint_path=path,
        resume=True,
    )
    assert done.status == "completed"
    assert done.built.report.claims.confirmed == 1


async def test_a_tool_that_asks_a_model_is_paid_by_the_run(tmp_path: Path) -> None:
    """Sub-questions count as the agent's own turns do."""

    def script(call: ModelCall) -> ModelAnswer:
        if call.purpose == "synthesis":
            return says("two traces, both fine")
        done = any(message.role == "tool" for message in call.messages)
        return _final(COUNTED) if done else calls(tool("synthesize_traces", trace_ids=[f"{1:032x}", f"{2:032x}"]))

    model = FakeModel(script)
    heard = Heard()
    done = await _examined(tmp_path, model, heard)
    assert "both fine" in json.dumps([item.item.content for item in heard.items if item.item.role == "tool"])
    assert done.built.report.spend.requests == len(model.asked) == 3
