"""A model that invents ids, misquotes and miscounts: nothing of it is in the saved report."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.budgets import Budget, BudgetLimits
from engine.contract.answer import read_answer
from engine.contract.checking import judge
from engine.contract.complaint import MOST_CHARS, complaint
from engine.contract.ids import KnownIds
from engine.contract.merging import Told, merge
from rendering.brief import open_briefs
from rendering.html import page
from rendering.markdown import render
from rendering.slack import blocks
from tests.engine.contract.inquiries import (
    ALL,
    CALL,
    FAILING,
    QUOTE,
    RATE,
    SPAN,
    TRACE,
    as_json,
    finding,
    judged,
    merged,
    verified,
    window,
)

TRACE_X, SPAN_X = "feedfacefeedfacefeedfacefeed1234", "feedfaceabcd1234"
MISQUOTE = "connection reset by a jealous peer"
LIES: dict[str, Any] = {
    "true": RATE,
    "wrong_rate": {**RATE, "value": 0.9713},
    "wrong_count": {"type": "count", "ask": FAILING, "value": 4711},
    "no_span": {"type": "exists", "trace_id": TRACE_X, "span_id": SPAN_X, "field": "name", "quote": "x" * 9},
    "misquote": {"type": "exists", **SPAN, "field": "status.message", "quote": MISQUOTE},
    "no_query": {"type": "count", "ask": {"query": "made_up_query_77"}, "value": 1},
    "no_argument": {"type": "count", "ask": {"query": "spans", "args": {"colour_88": "red"}}, "value": 0},
    "no_trace": {"type": "absence", "ask": {"query": "spans", "args": {"trace_id": TRACE_X}}},
    "no_name": {"type": "absence", "ask": {"query": "spans", "args": {"name": "5150 calls of 6001 fail"}}},
    "no_order": {"type": "order", "first": {"trace_id": TRACE, "span_id": SPAN_X}, "then": SPAN},
    "no_claim": "9_trillion",
}
SENTENCES = [
    "It failed 4711 times.",
    f"Trace {TRACE_X} shows it.",
    f"Look at `{SPAN_X}`.",
    f"It says “{MISQUOTE}”.",
    f"The log reads {MISQUOTE}, always.",
    'It says "that nobody has ever said".',
    "The rate is {wrong_rate}, and {wrong_count} in all.",
    "Some 99.8 % are slow.",
    "Forty calls are lost, and three of the ten fail.",
    "See {claim:0} and {finding:0}.",
    "Costs ½ of it, or ４２ more.",
    "| `made-up-1234` | 31337 |",
    "2026-01-02T03:04:05Z was the worst moment.",
]
INVENTED = (
    "4711", TRACE_X, SPAN_X, MISQUOTE, "nobody has ever said", "0.9713", "97.1", "99.8", "Forty", "three of the ten",
    "½", "４２", "31337", "03:04", "made_up_query_77", "colour_88", "5150", "9_trillion", "An invention", "{claim:0}",
)  # fmt: skip


def the_lies() -> Any:
    worse = finding(
        title=f"An invention about {TRACE_X}", measure=None, quotes=[LIES["misquote"]], claims=["wrong_rate"]
    )
    mixed = finding(
        title="It is 4711 times too slow",
        category="4711",
        explanation=" ".join(SENTENCES),
        fix="Wait 31337 seconds. " + f"See `{TRACE_X}`. Or {MISQUOTE}.",
        quotes=[{**SPAN, "field": "status.message", "quote": MISQUOTE}, {**SPAN, "quote": QUOTE}],
        claims=["true", "wrong_count"],
        about="4711",
    )
    lists = "\n".join(f"- {sentence}" for sentence in SENTENCES)
    answer = (
        f"# 4711 problems\n\nThe tool next_page fails in {{true}}. {' '.join(SENTENCES)}\n\n{lists}\n\n```\n4711\n```"
    )
    return judged(answer, [worse, mixed], LIES)


@pytest.mark.parametrize("rendering", ["json", "markdown", "html", "slack", "brief"])
def test_nothing_that_a_model_makes_up_is_in_the_saved_report(rendering: str) -> None:
    """An invention in a report is worse than no report: people act on it."""
    report = merged(the_lies()).report
    written = {
        "json": lambda: json.dumps(as_json(merged(the_lies())), ensure_ascii=False),
        "markdown": lambda: render(report),
        "html": lambda: page(report),
        "slack": lambda: json.dumps(blocks(report), ensure_ascii=False),
        "brief": lambda: open_briefs(report),
    }[rendering]()

    assert "18 of 29" in written
    assert [made_up for made_up in INVENTED if made_up in written] == []


def test_the_ledger_says_what_was_refused_and_what_the_evidence_says_instead() -> None:
    """Whoever reads a report should know how much of it a model got wrong."""
    built = merged(the_lies())
    claims = built.report.claims
    refused = [each for each in claims.ledger if each.claim.type == "refused"]

    assert (claims.wrong, claims.not_found, claims.not_checkable) == (2, 7, 3)
    assert {each.verdict: each.found for each in refused}["wrong"] == "18"
    assert claims.confirmed == sum(each.verdict == "confirmed" for each in claims.ledger)
    assert built.report.inquiry is not None
    assert "A finding was left out: nothing that it rests on was confirmed." in built.report.inquiry.dropped
    assert verified(built) == []


def test_what_is_true_stays_beside_what_is_made_up() -> None:
    """A slip in one sentence must not cost the others."""
    found = the_lies()

    assert found.answer_md.startswith("The tool next_page fails in 18 of 29 (62.1 %).")
    assert [each.title for each in found.findings] == ["A finding of the model"]
    assert found.findings[0].counts is not None
    assert (found.findings[0].counts.affected_spans, found.findings[0].counts.opportunities) == (18, 29)
    assert [item.quote for item in found.findings[0].evidence] == [QUOTE]
    assert (found.findings[0].category, found.findings[0].about) == ("other", "")


def test_the_complaint_names_each_wrong_claim_with_what_the_evidence_says() -> None:
    """A model can mend what it is told, once."""
    text = complaint(judged("{c1}", None, {"c1": {**RATE, "value": 0.9}}).problems)

    assert "c1 (rate) is wrong: the evidence says 18 of 29 (62.1%" in text
    assert "call final_answer again" in text


def test_the_complaint_is_bounded_however_much_is_wrong() -> None:
    """A tool's answer is cut where it grows too long, and the end is what matters."""
    text = complaint(the_lies().problems * 50)

    assert len(text) <= MOST_CHARS + 20
    assert "more." in text
    assert text.endswith("is dropped.")


def test_ids_that_exist_but_were_never_shown_are_refused() -> None:
    """A guess that happens to be right is no knowledge, and mostly copied from somewhere."""
    said = {"q": {"type": "exists", **SPAN, "field": "status.message", "quote": QUOTE}}
    blind = judged(f"See {TRACE}. It says {{q}}.", None, said, shown=[("0" * 31 + "7", "0" * 15 + "3")])
    seeing = judged(f"See {TRACE}. It says {{q}}.", None, said, shown=[(TRACE, CALL)])

    assert blind.answer_md == ""
    assert [each.verdict for each in blind.ledger] == ["not_found"]
    assert seeing.answer_md == f"See {TRACE}. It says `{QUOTE}`."


def test_a_share_of_strangers_is_no_measure() -> None:
    """A ratio of unrelated numbers reads like a rate."""
    other = {"query": "spans", "args": {"kind": "LLM"}}
    found = judged("", [finding(measure={"affected": ALL, "of": other}, quotes=[], claims=[])], None)

    assert found.findings == ()
    assert "are not among those it is of" in found.problems[0]


@pytest.mark.parametrize(
    "ask",
    [
        {"query": "tool_error_rate/4711 calls"},
        {"query": "unusable_tool", "args": {"4711 calls fail": True}},
        {"query": "spans", "args": {"name": 4711}},
        {"query": "spans", "args": {"tool": "4711 calls"}},
        {"query": "spans", "args": {"scope_id": "4711471147114711"}},
    ],
)
def test_a_query_cannot_carry_what_a_sentence_may_not_say(ask: dict[str, Any]) -> None:
    """A claim that is true of nothing would put its words into the ledger."""
    said = judged("{c1}", None, {"c1": {"type": "absence", "ask": ask}, "c2": {"type": "count", "ask": ask}})

    assert "4711" not in merged(said).report.model_dump_json()


def test_a_refusal_is_told_without_its_words() -> None:
    """What a model says when it refuses is checked by nobody."""
    told = Told("?", (), 1, 1, "the model refused: 4711 calls fail")
    built = merge(window().analysed, None, told, Budget(BudgetLimits(), lambda: 0.0))

    assert built.report.inquiry is not None
    assert built.report.inquiry.incomplete == "the model refused"


def test_a_place_in_code_is_cited_only_where_there_is_one(tmp_path: Path) -> None:
    """A wrong line sends people looking for nothing."""
    (tmp_path / "loop.py").write_text("a = 1\nb = 2\n")
    said = read_answer("See `loop.py:2`. See `loop.py:1-2`. See `loop.py:9`. See `../loop.py:1`. See `gone.py:1`.")
    found = judge(said, window().analysed, KnownIds(window().shown), tmp_path)

    assert found.answer_md == "See `loop.py:2`. See `loop.py:1-2`."


def test_endless_text_is_judged_in_little_time() -> None:
    """A model that repeats itself must not hold up the run: the work grows with the text, not with its square."""
    for piece in ("`a", "a-", "**", "{ ", "“a", "x.\n", "  \n", "| ", "deadbeef "):
        for opening in ("", "```\n"):
            assert judged(opening + piece * 20_000).ledger == ()
