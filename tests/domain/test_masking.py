"""Error templates: the same failure counts as one, whatever differs from case to case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.masking import TEMPLATE_MAX_CHARS, template


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error 404 for https://example.org/a?b=c after 3.5s", "Error <num> for <url> after <num>s"),
        ("user ann@example.org: id 123e4567-e89b-12d3-a456-426614174000", "user <email>: id <uuid>"),
        ("cannot open '/tmp/x' and /var/lib/data.txt", "cannot open <str> and <path>"),
        ('bad arguments {"page": 3}: key "page"', "bad arguments <json>: key <str>"),
        ("hash 0xdeadbeef and 5f3e9a7b1c00", "hash <hex> and <hex>"),
        ("it's the model's turn, don't wait", "it's the model's turn, don't wait"),
        ("", ""),
        ("  \n\t ", ""),
        ("first line\nsecond line", "first line"),
    ],
)
def test_what_differs_is_masked_and_words_stay(text: str, expected: str) -> None:
    """Templates are read by people: the words must still tell what happened."""
    assert template(text) == expected


def test_of_a_traceback_the_last_line_tells_what_happened() -> None:
    """The first line of every Python traceback is the same."""
    text = 'Traceback (most recent call last):\n  File "/app/x.py", line 7, in f\nValueError: bad page 12'

    assert template(text) == "ValueError: bad page <num>"


@given(st.integers(0, 10**9), st.uuids(), st.text(st.characters(categories=("Ll",)), min_size=1, max_size=8))
def test_the_same_failure_has_the_same_template(number: int, identity: object, word: str) -> None:
    """Fingerprints rest on it: a number in the text must not make a new finding."""

    def say(count: object, some: object, quoted: str) -> str:
        return f"call {count} of tool 'fetch' failed: {some} not found in '{quoted}'"

    assert template(say(number, identity, word)) == template(say(1, "0" * 8 + "-1111-2222-3333-" + "4" * 12, "x"))


@given(st.text())
def test_a_template_is_one_bounded_line(text: str) -> None:
    """It becomes a dictionary entry, a table cell and a Slack line."""
    found = template(text)

    assert len(found) <= TEMPLATE_MAX_CHARS
    assert found == " ".join(found.split())


@pytest.mark.parametrize("unit", ["/a", "'", "{", "a@", "a.", "0x", "-1,", '"\\', "http://", "f" * 31 + "-"])
def test_no_repetition_keeps_masking_from_ending(unit: str) -> None:
    """Error texts are attacker-controlled; a pattern that backtracks over them would stop the one writer for good."""

    assert len(template(unit * 100_000)) <= TEMPLATE_MAX_CHARS
