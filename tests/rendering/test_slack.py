"""Slack messages: within Slack's limits, and nobody is ever mentioned by what a span contains."""

import json
import re
from typing import Any

from rendering.slack import HEADER_MAX_CHARS, MAX_BLOCKS, MESSAGE_MAX_CHARS, SECTION_MAX_CHARS, blocks, mrkdwn
from tests.rendering.sample import HOSTILE, a_finding, a_hostile_report, a_report


def texts(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Every text object of a message."""
    found = []
    for block in message["blocks"]:
        found += [block["text"]] if "text" in block else block.get("elements", [])
    return found


def test_a_message_says_what_how_often_and_what_to_do() -> None:
    """Most readers never leave Slack."""
    message = blocks(a_report())
    shown = "\n".join(text["text"] for text in texts(message))

    assert message["text"] == "page_down fails in 98 % of its calls and 13 of 25 traces meet it."
    assert message["blocks"][0] == {
        "type": "header",
        "text": {"type": "plain_text", "text": message["text"], "emoji": False},
    }
    assert "*1. page_down fails in 63 of 64 calls*  (critical, new)" in shown
    assert "63 of 64 (98 %; 95 % interval 92 % to 99.7 %), in 13 of 25 traces" in shown
    assert "*Fix:* Declare page_down with an empty parameter object" in shown
    assert json.loads(json.dumps(message)) == message


def test_nobody_is_mentioned_and_nothing_is_linked() -> None:
    """A tool that can page a whole channel through a tool result would be switched off the same day."""
    message = blocks(a_hostile_report())
    everything = [message["text"], *(text["text"] for text in texts(message) if text["type"] == "mrkdwn")]

    assert len(everything) > 4
    for text in everything:
        assert "<" not in text
        assert ">" not in text
        assert not re.search(r"@\w", text)
        assert "```" not in text
    assert all(text["verbatim"] for text in texts(message) if text["type"] == "mrkdwn")


def test_slack_shows_the_text_as_it_was() -> None:
    """Escaping that changes what people read would be another lie."""
    shown = mrkdwn(HOSTILE).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("\u2060", "")

    assert shown == HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert mrkdwn("page_down of R&D") == "page_down of R&amp;D"


def test_many_long_findings_stay_within_slacks_limits() -> None:
    """A message over a limit is refused as a whole."""
    long = "<&>" * 3_000
    many = tuple(a_finding(id=f"f-{n}", title=long, fix=long, explanation=long) for n in range(70))
    message = blocks(a_report(headline=long, findings=many))
    header, *rest = texts(message)

    assert len(message["blocks"]) <= MAX_BLOCKS
    assert len(message["text"]) <= SECTION_MAX_CHARS
    assert len(header["text"]) <= HEADER_MAX_CHARS
    assert all(len(text["text"]) <= SECTION_MAX_CHARS for text in rest)
    assert sum(len(text["text"]) for text in texts(message)) <= MESSAGE_MAX_CHARS + SECTION_MAX_CHARS
    assert not any(re.search(r"&\w*…", text["text"]) for text in rest)
    assert "more findings in the full report." in rest[-1]["text"]


def test_an_example_is_named_by_the_ids_that_people_know() -> None:
    """Files may call their traces anything."""
    known = a_finding().evidence[0].model_copy(update={"source_trace_id": "run-7", "source_span_id": "step-1"})
    shown = json.dumps(blocks(a_report(findings=(a_finding(evidence=(known,)),))))

    assert "e.g. trace run-7 span step-1" in shown
    assert known.trace_id not in shown
