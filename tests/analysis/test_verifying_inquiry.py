"""`halo verify` on what a model added: its counts, its quotes and every number in its words."""

from typing import Any

import pytest

from analysis.reporting import Built
from tests.analysis.changing import changed, dotted, leaves, other
from tests.engine.contract.inquiries import (
    ALL,
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
)

CLAIMS = {
    "c1": RATE,
    "n": {"type": "count", "ask": FAILING},
    "q": {"type": "exists", **SPAN, "field": "status.message", "quote": QUOTE},
    "w": {"type": "count", "ask": ALL, "value": 5},
}
ANSWER = f"next_page fails in {{c1}}, {{n}} times, and says {{q}}; see {TRACE}. In all {{f1}}. It is `mode.py:12`."


@pytest.fixture(scope="module")
def built() -> Built:
    return merged(judged(ANSWER, [finding(), finding(measure=None, title="Another")], CLAIMS))


def test_a_report_with_a_model_is_confirmed_from_its_bundle_alone(built: Built) -> None:
    """Whoever gets the two files can check both: the analysis and the model."""
    assert built.report.mode == "model"
    assert built.report.inquiry is not None
    assert len(built.report.inquiry.findings) == 2
    assert verified(built) == []
    assert verified(built, built.report) == []


def test_every_changed_number_and_quote_of_a_model_is_named_where_it_stands(built: Built) -> None:
    """One digit at a time, as in what the analysis says."""
    report = as_json(built)
    checked = {"counts", "expect", "quote", "sha256", "start_byte", "end_byte", "id", "trace_id", "span_id"}
    places = [
        (("inquiry", *path), value)
        for path, value in leaves({"findings": report["inquiry"]["findings"]})
        if checked & {step for step in path if isinstance(step, str)}
        if value is not None and value != ""
    ]

    assert len(places) > 30
    for path, value in places:
        lines = verified(built, changed(report, path, other(value)))
        assert any(line.startswith("inquiry.findings[") for line in lines), (dotted(path), lines)


@pytest.mark.parametrize(
    ("path", "said", "named"),
    [
        (("inquiry", "answer_md"), "next_page fails in 28 of 29 (96.6 %).", "inquiry.answer_md"),
        (
            ("inquiry", "findings", 0, "title"),
            "next_page is called with an argument (99.1 %)",
            "inquiry.findings[0].title",
        ),
        (("inquiry", "findings", 0, "explanation"), "It costs 12 of 29.", "inquiry.findings[0].explanation"),
        (("inquiry", "findings", 0, "fix"), "Wait 12 seconds.", "inquiry.findings[0].fix"),
    ],
)
def test_a_changed_word_of_a_model_is_named(built: Built, path: tuple[str | int, ...], said: str, named: str) -> None:
    """Prose is what people read."""
    assert [line.partition(":")[0] for line in verified(built, changed(as_json(built), path, said))] == [named]


def test_a_number_that_is_put_into_text_and_wording_alike_is_named(built: Built) -> None:
    """Who edits a report can edit both; only a claim makes a number."""
    report = as_json(built)
    report["inquiry"]["answer_md"] = report["inquiry"]["wording"]["answer_md"] = "It failed 4711 times. And always."

    lines = verified(built, report)
    assert len(lines) == 1
    assert lines[0].startswith("inquiry.wording.answer_md: 'It failed 4711 times.' cannot be said")


def test_a_wrong_claim_cannot_be_called_right(built: Built) -> None:
    """The ledger is the proof of the rest."""
    ledger = as_json(built)["claims"]["ledger"]
    refused = next(at for at, each in enumerate(ledger) if each["claim"]["type"] == "refused")

    lines = verified(built, changed(as_json(built), ("claims", "ledger", refused, "verdict"), "confirmed"))
    assert any(line.startswith(f"claims.ledger[{refused}].verdict") for line in lines)
    lines = verified(built, changed(as_json(built), ("claims", "confirmed"), 99))
    assert [line.partition(":")[0] for line in lines] == ["claims.confirmed"]


@pytest.mark.parametrize(
    "path", [("findings", 0, "explanation"), ("narrative_md",), ("findings", 0, "evidence", 0, "quote"), ("notes",)]
)
def test_the_analysis_is_held_to_its_evidence_beside_a_model_too(built: Built, path: tuple[str | int, ...]) -> None:
    """A model adds; it excuses nothing."""
    value: Any = ["Nothing was left out."] if path == ("notes",) else "It is fine."

    assert verified(built, changed(as_json(built), path, value)) != []


def test_an_inquiry_that_is_taken_out_or_put_in_is_named(built: Built) -> None:
    """Mode and inquiry belong together."""
    without = as_json(built) | {"inquiry": None}
    bare = as_json(merged(None))

    assert verified(built, without) != []
    assert verified(merged(None), bare) == []
    assert bare["inquiry"]["answer_md"] == "The model gave no answer that could be checked."
