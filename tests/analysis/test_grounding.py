"""Numbers and names of an answer are looked for in what the agent was given and found."""

from analysis.grounding import grounding, telling_words


def test_numbers_and_names_are_what_an_answer_must_have_from_somewhere() -> None:
    """Single digits, ordinary words and the first word of a sentence prove nothing."""
    assert telling_words("It has 1,234 rooms and 5 doors, says Ada Lovelace. Nobody knows more.") == (
        "1,234",
        "Ada",
        "Lovelace",
    )
    assert telling_words("1. Go\n2. Stay") == ()


def test_what_stands_nowhere_is_unfounded() -> None:
    """Written with or without separators, a number is the same number; part of a longer one it is not."""
    words = telling_words("There are 1,234 rooms in Paris and 77 in Rome and 99 elsewhere.")

    assert words == ("1,234", "77", "99", "Paris", "Rome")
    assert grounding(words, ["rooms: 1234, PARIS", "x77", "1990"]) == (5, 2)
    assert grounding(words, []) == (5, 5)


def test_an_endless_answer_and_an_endless_source_cost_a_bounded_effort() -> None:
    """Both are cut; a number that a source repeats inside longer ones counts as founded in the end."""
    words = telling_words("number 123 " * 1_000_000 + "Zanzibar")
    assert words == ("123",)
    assert grounding(words, ["91239" * 10_000_000]).unfounded == 0
    assert len(telling_words(" ".join(f"no {at}" for at in range(10, 5_000)))) <= 60
