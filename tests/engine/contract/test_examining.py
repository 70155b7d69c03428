"""A whole inquiry with a scripted model: the complaint reaches it once, and the report is what its bundle bears out."""

from pathlib import Path
from typing import Any

from analysis.fact_rows import facts_from_rows
from analysis.verifying import verify
from engine.inquiry import Examined, examine
from engine.llm.model import ModelAnswer
from tests.analysis.stored import stored_spans
from tests.engine.fakes import FakeModel, Heard, calls, tool
from tests.engine.runs import TRACES, asks, config, window

SHOWN = f"{1:032x}"
LOOK = calls(tool("view_trace", trace_id=SHOWN))
COUNT = {"type": "count", "ask": {"query": "spans", "args": {"kind": "AGENT"}}}


def final(answer: str, **claims: Any) -> ModelAnswer:
    """A final answer with its claims."""
    return calls(tool("final_answer", answer=answer, claims=claims))


async def examined(directory: Path, *answers: ModelAnswer) -> tuple[Examined, FakeModel]:
    """What an inquiry leaves, and its model."""
    model = FakeModel(answers)
    with window(directory) as opened:
        found = await examine(asks(), config(), opened, Heard(), model=model)
        rows = [tuple(row) for row in found.built.rows]
    cited = {(stored.trace_id, stored.span_id): stored for stored in stored_spans(found.built.cited)}
    facts = facts_from_rows(found.built.columns, rows)
    assert verify(found.built.report, facts, lambda *ref: cited.get(ref), found.built.meta) == []
    return found, model


async def test_an_answer_that_stands_is_the_report_s(tmp_path: Path) -> None:
    """From a question to numbers that anyone can compute again."""
    quote = {"type": "exists", "trace_id": SHOWN, "span_id": f"{1:016x}", "field": "name", "quote": "agent"}
    found, model = await examined(tmp_path, LOOK, final("There are {c1} runs, see {q}.", c1=COUNT, q=quote))

    assert (found.status, found.answer_md) == ("completed", f"There are {TRACES} runs, see `agent`.")
    assert found.built.report.mode == "model"
    assert found.built.report.inquiry is not None
    assert found.built.report.inquiry.answer_md == found.answer_md
    assert found.built.report.spend.requests == 2
    assert "Every number is a claim" in str(model.asked[0].messages[0].content)


async def test_a_wrong_answer_is_sent_back_once_with_what_the_evidence_says(tmp_path: Path) -> None:
    """The second one is taken, with what stands of it."""
    wrong = final("There are {c1} runs, or 4711. They are fine.", c1={**COUNT, "value": 12})
    found, model = await examined(tmp_path, LOOK, wrong, wrong)
    told = str(model.asked[2].messages)

    assert f"c1 (count) is wrong: the evidence says {TRACES}" in told
    assert len(model.asked) == 3
    assert (found.status, found.answer_md) == ("completed", "They are fine.")
    assert "4711" not in found.built.report.model_dump_json()
    assert found.built.report.claims.wrong == 1


async def test_a_trace_that_no_tool_has_shown_cannot_be_cited(tmp_path: Path) -> None:
    """It exists, and the model has not seen it."""
    unseen = f"{TRACES:032x}"
    said = final(f"Trace {SHOWN} is fine. Trace {unseen} is not.")
    found, _ = await examined(tmp_path, LOOK, said, said)

    assert found.answer_md == f"Trace {SHOWN} is fine."


async def test_a_model_that_stops_without_an_answer_leaves_the_analysis_and_what_stands(tmp_path: Path) -> None:
    """Its last words are held to the same."""
    words = ModelAnswer("answer", "It is fine. It failed 97 times.", usage=LOOK.usage)
    found, _ = await examined(tmp_path, LOOK, *[words] * 6)

    assert found.status == "incomplete"
    assert found.answer_md == "It is fine."
    assert found.built.report.inquiry is not None
    assert found.built.report.inquiry.incomplete == found.reason != ""
