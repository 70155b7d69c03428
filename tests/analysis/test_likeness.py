"""Nearly the same call is the same call, page two is not page one, and a long trace costs a bounded effort."""

from analysis import likeness
from analysis.likeness import Likeness

_ASKED = '{"query":"population of Paris in the year of the census"}'


def test_the_earliest_that_is_nearly_alike_stands_for_all() -> None:
    """An agent that rewords one word asks for the same thing again."""
    like = Likeness().like

    assert like("place", _ASKED, "h1", by_number=True) == "h1"
    assert like("place", _ASKED.replace("the year", "that year"), "h2", by_number=True) == "h1"
    assert like("place", _ASKED, "h1", by_number=True) == "h1"
    assert like("place", '{"query":"something else entirely, of that length"}', "h3", by_number=True) == "h3"


def test_another_place_is_another_thing() -> None:
    """Tools, scopes, arguments and results are not mixed."""
    like = Likeness().like
    like("one", _ASKED, "h1", by_number=True)

    assert like("other", _ASKED + " ", "h2", by_number=True) == "h2"


def test_arguments_with_other_numbers_are_another_call() -> None:
    """Paging and the next customer's order are no repetition; a result with another clock is."""
    page = '{"customer":"Ada Lovelace of London","page":1}'
    like = Likeness().like

    assert like("arguments", page, "h1", by_number=True) == "h1"
    assert like("arguments", page.replace("1", "2"), "h2", by_number=True) == "h2"
    assert like("results", page, "h1", by_number=False) == "h1"
    assert like("results", page.replace("1", "2"), "h2", by_number=False) == "h1"


def test_short_texts_must_be_equal() -> None:
    """In few characters one of them is a lot."""
    like = Likeness().like

    assert like("place", '{"city":"Rome"}', "h1", by_number=True) == "h1"
    assert like("place", '{"city":"Rame"}', "h2", by_number=True) == "h2"


def test_long_texts_alike_at_one_end_only_are_compared() -> None:
    """A new headline over the same article is the same article."""
    article = "The town lies at the river and has a bridge of stone. " * 20
    like = Likeness().like

    assert like("place", "Morning edition, first print, read by all. " + article, "h1", by_number=False) == "h1"
    assert like("place", "The evening news tell you what happened so. " + article, "h2", by_number=False) == "h1"


def test_only_the_last_few_distinct_texts_are_compared() -> None:
    """A scope of a hundred thousand calls keeps sixteen texts, so its cost is linear."""
    known = Likeness()
    words = [f"{chr(97 + at % 26)}{chr(97 + at // 26)}" * 20 for at in range(100)]
    for at, word in enumerate(words):
        assert known.like("place", word, f"h{at}", by_number=False) == f"h{at}"

    assert len(known._known["place"]) == 16
    assert known.like("place", words[0] + "!", "again", by_number=False) == "again"


def test_the_work_on_one_trace_is_bounded() -> None:
    """After so many characters compared, only equal texts are alike."""
    known = Likeness()
    compared = 0

    def counted(one: str, other: str, score_cutoff: float) -> float:
        nonlocal compared
        compared += len(one) * len(other)
        return 0.0

    known_ratio, likeness.ratio = likeness.ratio, counted  # type: ignore[assignment]
    try:
        for at in range(3_000):
            known.like("place", f"{at:05}" + "x" * 50_000, str(at), by_number=False)
    finally:
        likeness.ratio = known_ratio

    assert compared <= likeness._MAX_WORK + 2_000 * 2_000 + 3_000 * 16 * 2 * 48 * 48
