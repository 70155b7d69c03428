"""Lexicons tell what an answer does from what it says, in bounded time."""

import tomllib
from pathlib import Path

import pytest

from analysis import lexicons
from analysis.lexicons import expanded, phrases_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm sorry, but I can't help with that.", ("refusal",)),
        ("I’m unable to assist with this request.", ("refusal",)),
        ("I WILL NOT PROVIDE it.", ("refusal",)),
        ("I was unable to find the answer.", ("giving_up",)),
        ("Now I'll run the tests.", ("intent",)),
        ("Let me know if you need more.", ("hand_back",)),
        ("For demonstration, the totals are 3 and 4.", ("fabrication",)),
        ("As there is no access, I will simulate the search results.", ("fabrication", "intent")),
    ],
)
def test_an_answer_is_known_by_its_phrases(text: str, expected: tuple[str, ...]) -> None:
    """Each lexicon, with typographic apostrophes, capitals and punctuation as people write them."""
    assert phrases_in(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Your kettle was shipped; it arrives on 2026-03-07.",
        "I cannot refund the kettle: it was delivered 41 days ago, and returns end after 30 days.",
        "The simulation ran 100 games.",
        "I cannot find any bug in this function.",
        "A refusal looks like this: the model cannot help.",
        "",
    ],
)
def test_healthy_answers_match_nothing(text: str) -> None:
    """A policy that says no is no refusal of the model, and a program that simulates makes nothing up."""
    assert phrases_in(text) == ()


def test_a_lexicon_looks_where_its_phrases_mean_something() -> None:
    """A refusal opens an answer and an announcement closes it."""
    filler = "The report follows. " * 60

    assert phrases_in("I can't help with that. " + filler) == ("refusal",)
    assert phrases_in(filler + "I can't help with that.") == ()
    assert phrases_in(filler + "I'll run the tests.") == ("intent",)
    assert phrases_in("I'll run the tests. " + filler) == ()


@pytest.mark.parametrize("code", ["```json\n{}\n```", "json\n{}\n", "{}", "```\n{}"])
def test_code_after_the_last_words_is_not_the_last_words(code: str) -> None:
    """A call written down as text follows the sentence that announces it."""
    answer = "Next, I will list the files.\n" + code.replace("{}", '{"todos": ["' + "step, " * 300 + '"]}')

    assert phrases_in(answer) == ("intent",)


@pytest.mark.parametrize(
    "text",
    [
        "i " * 500_000,
        "let me " * 200_000,
        "`" * 1_000_000 + "}",
        "x" * 3_000_000,
        "I can't " * 200_000,
        "\ud800" * 9_000,
    ],
)
def test_hostile_answers_cost_no_more_than_long_ones(text: str) -> None:
    """Only bounded parts are cut into words, so that a flood of half-phrases is harmless."""
    assert len(phrases_in(text)) <= 5


def test_a_line_stands_for_every_choice() -> None:
    """Alternatives keep the data readable."""
    assert list(expanded("i (can't|cannot) (really|) go")) == [
        (b"i", b"can't", b"really", b"go"),
        (b"i", b"can't", b"go"),
        (b"i", b"cannot", b"really", b"go"),
        (b"i", b"cannot", b"go"),
    ]
    with pytest.raises(ValueError, match="is empty"):
        list(expanded("(|)"))
    with pytest.raises(ValueError, match="stands for"):
        list(expanded("(a|b)" * 20))


def test_every_language_file_holds_lexicons_that_work() -> None:
    """A phrase written with a capital or a full stop would never match, and nobody would notice."""
    folder = Path(lexicons.__file__).with_suffix("")
    for path in folder.glob("*.toml"):
        for name, lexicon in tomllib.loads(path.read_text(encoding="utf-8")).items():
            assert lexicon["where"] in ("start", "end", "anywhere"), name
            for line in (*lexicon["phrases"], *lexicon.get("unless", ())):
                words = [b" ".join(phrase).decode() for phrase in expanded(line)]
                assert all(not set(word) & set('.,;:!?"-/') and word == word.lower() for word in words), line


def test_each_phrase_is_found_alone() -> None:
    """Every single phrase of every lexicon matches its own text."""
    folder = Path(lexicons.__file__).with_suffix("")
    for path in folder.glob("*.toml"):
        for name, lexicon in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for line in lexicon["phrases"]:
                for phrase in expanded(line):
                    assert name in phrases_in(b" ".join(phrase).decode()), phrase
