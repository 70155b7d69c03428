"""Splits and the sentence that says what separates failures from successes."""

import pytest

from analysis.detecting import SplitCount
from analysis.looking import look, shipped_detectors
from analysis.observability import missing
from analysis.phrases import listed, one_line, plural
from analysis.splitting import OTHERS, contrast, measured, split_by
from tests.analysis.building import Run, window


def keys(*counts: tuple[str, int, int]) -> list[SplitCount]:
    return [SplitCount("argument_keys", value, affected, of) for value, affected, of in counts]


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ([], ""),
        (keys(("(not recorded)", 3, 4)), ""),
        (keys(('["a"]', 3, 4)), "All calls carry the same argument keys"),
        (keys(('[""]', 3, 3), ("[]", 0, 2)), "Every call that carries an argument fails (3 of 3"),
        (keys(('["a"]', 3, 3), ('["b"]', 0, 2)), 'Calls with the argument keys {"a": …} always fail (3 of 3)'),
        (keys(('["a"]', 3, 3), ('["b"]', 2, 2)), "No set of argument keys works"),
        (keys(('["a"]', 2, 3), ('["b"]', 0, 2)), 'only in part: {"a": …} fails in 2 of 3 calls'),
    ],
)
def test_the_keys_of_the_arguments_are_read_for_what_separates(splits: list[SplitCount], said: str) -> None:
    """This sentence is the first hint at a cause."""
    assert said in contrast(splits)
    assert bool(contrast(splits)) is bool(said)


def test_more_values_than_a_reader_can_take_in_become_one_line() -> None:
    """Sums must still add up, or verification would complain for ever."""
    run = Run()
    for at in range(120):
        run.bare_call(arguments=f'["k{at:03}"]', error="Error: no" if at % 2 else "")
    facts = window(run)
    failed = [call for call in facts.tool_calls if call.leaf_error]

    splits = measured(facts.tool_calls, failed, frozenset(), ("argument_keys",)).splits

    assert len(splits) == 51
    assert splits[-1] == SplitCount("argument_keys", OTHERS, 10, 70)
    assert (sum(split.affected for split in splits), sum(split.opportunities for split in splits)) == (60, 120)


def test_the_most_affected_values_come_first_and_what_all_share_splits_nothing() -> None:
    """Readers read the first line."""
    run = Run()
    for value, error in (("a", ""), ("b", "Error: no"), ("b", ""), ("c", "Error: no"), ("c", "Error: no")):
        run.bare_call(value, error=error)
    calls = window(run).tool_calls
    failed = frozenset(call.ref for call in calls if call.leaf_error)

    found = split_by("tool", calls, failed, lambda span: span.tool)

    assert [(split.value, split.affected, split.opportunities) for split in found] == [
        ("c", 2, 2),
        ("b", 1, 2),
        ("a", 0, 1),
    ]
    assert split_by("service", calls, failed, lambda span: span.service) == ()


def test_names_from_outside_cannot_break_a_line_or_a_terminal() -> None:
    """A tool may be called anything."""
    run = Run()
    for _ in range(3):
        run.call("evil\n# heading\x1b[31m", error="Error: no\x07")

    (seen, *_) = look(window(run), shipped_detectors(), missing).seen

    for text in (seen.candidate.title, seen.candidate.explanation, seen.candidate.fix, seen.candidate.acceptance):
        assert text.isprintable()
    assert one_line(" a\t\nb  ") == "a b"


def test_counts_are_said_in_plain_words() -> None:
    """`1 calls` reads like a machine."""
    assert [plural(1, "call"), plural(1_432, "call"), plural(2, "retry"), plural(2, "day")] == [
        "1 call",
        "1,432 calls",
        "2 retries",
        "2 days",
    ]
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(list("abcdefg"))] == [
        "",
        "a",
        "a and b",
        "a, b, c, d, e and 2 more",
    ]
