"""What a sentence may hold without a claim, and what makes it fall."""

import pytest

from analysis.statements import kept
from analysis.vouching import NUMBER, REFUSED, STRANGE_ID, STRANGE_QUOTE, Vouched

KNOWN_ID = "4f2a9c1d00112233"
VOUCHED = Vouched(
    names=frozenset(("gpt-4o-2024-08-06", "page_2", "llama-3.1", "63 of 64")),
    quotes=("429 Too Many Requests for url", "TypeError: forward() takes 1 positional argument"),
    is_id=lambda text: text in (KNOWN_ID, KNOWN_ID[:8], "run-17"),
    is_place=lambda text: text == "agent/loop.py:40-52",
    refused=("jealous peer",),
)


@pytest.mark.parametrize(
    "statement",
    [
        "Most calls fail, all of them late, none again.",
        "It fails in {claim:3} and {finding:0.rate}.",
        "The model gpt-4o-2024-08-06 and `llama-3.1` are slow.",
        "p95 grows, base64 and utf8 and UTF-8 do not.",
        "It says `429 Too Many Requests`, as “429 Too Many Requests for url” does.",
        f"Span {KNOWN_ID} and trace `{KNOWN_ID[:8]}` and trace run-17 show it.",
        "See `agent/loop.py:40-52`.",
        'A "retry" of "too few words" is no quotation.',
        "One of the tools is called in several ways; others are not.",
        "```\nTypeError: forward() takes 1 positional argument\n```",
        "The word feedback is no id, nor is defaced.",
    ],
)
def test_names_quotes_ids_and_places_that_exist_may_be_said(statement: str) -> None:
    """An answer without any name would help nobody."""
    assert VOUCHED.objection(statement) == ""


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("63 calls fail.", NUMBER),
        ("It is 98.4 % slower.", NUMBER),
        ("It fails `63` times.", NUMBER),
        ('It fails "64" times.', NUMBER),
        ("It is **7** times slower, __8__ even.", NUMBER),
        ("Twice as slow: ½.", NUMBER),
        ("It fails ٤٢ times.", NUMBER),
        ("Sixty-three calls fail.", NUMBER),
        ("Dozens of calls, hundreds even.", NUMBER),
        ("Three of its calls fail.", NUMBER),
        ("One in four is slow.", NUMBER),
        ("Half of the traces are slow.", NUMBER),
        ("gpt-9 is slow.", NUMBER),
        ("`429 Never Said`", NUMBER),
        ("`agent/loop.py:4`", NUMBER),
        ("On 2026-01-02 it began.", NUMBER),
        ("```\nprint(17)\n```", NUMBER),
        ("| a | 17 |", NUMBER),
        ("Trace 00ff00ff00ff00ff fails.", STRANGE_ID),
        ("See `00ff00ff00ff00ff`.", STRANGE_ID),
        ("See 123e4567-e89b-12d3-a456-426614174000.", STRANGE_ID),
        ("Look at trace run-18.", STRANGE_ID),
        ("It says “this was never said by anybody”.", STRANGE_QUOTE),
        ("There was a jealous peer.", REFUSED),
    ],
)
def test_numbers_ids_and_quotes_that_nothing_bears_make_a_statement_fall(statement: str, why: str) -> None:
    """Digits in any script and shape, and numbers in words where they count."""
    assert VOUCHED.objection(statement) == why


def test_a_proposal_may_word_something_new() -> None:
    """A fix says in code what there is not yet; the rest of it is no better than elsewhere."""
    assert VOUCHED.objection("Write `always check the result first` and `retries=3`.", proposal=True) == ""
    assert VOUCHED.objection('Write "always check the result".', proposal=True) == STRANGE_QUOTE
    assert VOUCHED.objection("```python\nretries = 3\n```", proposal=True) == ""
    assert VOUCHED.objection("Wait 3 seconds.", proposal=True) == NUMBER
    assert VOUCHED.objection("`00ff00ff00ff00ff`", proposal=True) == STRANGE_ID


def test_only_the_statement_falls_and_lists_are_counted_anew() -> None:
    """What is left has to read well."""
    text = (
        "# Why\n\nIt fails. It fails 9 times. It is\nslow, e.g. late.\n\n1. One\n2. bad 2\n3. Third\n\n"
        "- a. b 3\n- c 4\n\n| h |\n|---|\n| 5 |\n| x |\n\n```\n6\n```\nEnd. \n"
    )
    found = kept(text, VOUCHED.objection)

    assert found.text == (
        "# Why\n\nIt fails. It is slow, e.g. late.\n\n1. One\n2. Third\n\n- a.\n\n| h |\n|---|\n| x |\n\nEnd."
    )
    assert [statement for statement, _ in found.dropped] == [
        "It fails 9 times.", "bad 2", "b 3", "c 4", "| 5 |", "``` 6 ```",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["```\n17", "~~~\n17\n```", "> 17", "1. 17", "  - 17", "## 17", "a\n17", "`a\n17`"])
def test_a_number_does_not_hide_in_structure(text: str) -> None:
    """Whatever Markdown makes of it, it is a number."""
    assert "17" not in kept(text, VOUCHED.objection).text
