"""Each detector of rounds, near repeats and streaks: what it finds, and the false alarms it must not raise."""

import json
from collections.abc import Sequence

import pytest

from analysis.cycles import Cycle, cycles, rotated
from analysis.facts import FactWindow
from domain.spans import SpanKind
from tests.analysis.asking import detector, none, only
from tests.analysis.building import Run, digest, window


def found(steps: str, longest: int = 6) -> list[Cycle]:
    return cycles(steps, lambda one, other: one == other, longest=longest, rounds=3)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("abababx", [Cycle(0, 6, 2)]),
        ("xabcabcabcab", [Cycle(1, 12, 3)]),
        ("abcdefabcdefabcdef", [Cycle(0, 18, 6)]),
        ("aabaabaab", [Cycle(0, 9, 3)]),
        ("ababab" + "xyxyxy", [Cycle(0, 6, 2), Cycle(6, 12, 2)]),
        ("abab", []),
        ("aaaaaaaaa", []),
        ("abcdefgabcdefgabcdefg", []),
        ("", []),
    ],
)
def test_a_cycle_is_three_rounds_of_the_smallest_period(steps: str, expected: list[Cycle]) -> None:
    """Two rounds may be care, equal steps are a repetition, and longer rounds are not looked for."""
    assert found(steps) == expected


def test_a_round_has_one_name_wherever_it_is_entered() -> None:
    """Else one loop would be several findings."""
    assert rotated(["b", "c", "a"]) == rotated(["c", "a", "b"]) == ("a", "b", "c")


def walked(steps: Sequence[tuple[str, str, str]]) -> FactWindow:
    """Calls as (tool, argument, result)."""
    run = Run()
    for tool, value, result in steps:
        run.call(tool, value=value, result_hash=digest(result) if result else "", result_chars=len(result) or None)
    return window(run)


ROUND = [("read", "x", "one"), ("edit", "y", "two")]


def test_three_equal_rounds_are_a_cycle_of_six_calls() -> None:
    """All of them are shown; the first round was not wasted."""
    candidate, measure = only("call_cycles", walked(3 * ROUND))

    assert json.loads(str(candidate.args["round"])) == ["edit", "read"]
    assert (len(measure.affected), measure.opportunities, len(measure.wasted)) == (6, 6, 8)


def test_two_rounds_are_no_cycle() -> None:
    """Looking twice is care."""
    assert none("call_cycles", walked(2 * ROUND))


def test_rounds_with_other_arguments_or_results_are_no_cycle() -> None:
    """Editing and testing goes round in tools only; polling brings news."""
    edits = [step for at in range(4) for step in (("edit", str(at), "done"), ("test", "x", "red"))]
    polls = [step for at in range(4) for step in (("wait", "5", "waited"), ("status", "x", str(at)))]

    assert none("call_cycles", walked(edits))
    assert none("call_cycles", walked(polls))


def test_equal_calls_in_a_row_are_no_cycle() -> None:
    """They are a repetition, which another detector tells."""
    assert none("call_cycles", walked(9 * [("read", "x", "one")]))


def test_calls_without_arguments_recorded_are_no_cycle() -> None:
    """Nobody knows whether they were equal."""
    run = Run()
    for _ in range(3):
        run.call("read", arguments_hash="")
        run.call("edit", arguments_hash="")

    assert none("call_cycles", window(run))


def passing(names: str, tool: str = "") -> FactWindow:
    run = Run()
    for name in names:
        inner = run.span(SpanKind.AGENT, agent=name)
        run.change(inner, scope_id=inner)
        run.ask(scope_id=inner, parent_id=inner, agent=name)
        if tool:
            run.bare_call(tool, scope_id=inner, parent_id=inner)
    return window(run)


def test_agents_that_pass_the_work_to_and_fro_are_a_cycle() -> None:
    """Of all runs of these agents."""
    candidate, measure = only("call_cycles", passing("ABABABC", "transfer_to_other"))

    assert (candidate.args["of"], json.loads(str(candidate.args["round"]))) == ("agents", ["A", "B"])
    assert (len(measure.affected), measure.opportunities) == (6, 6)


def test_agents_that_get_something_done_in_turns_are_no_cycle() -> None:
    """A writer and a reviewer may work through ten chapters."""
    assert none("call_cycles", passing("ABABAB", "write_chapter"))
    assert none("call_cycles", passing("ABAB"))


def test_a_cycle_is_of_calls_or_of_agents() -> None:
    """A query that names neither is none of this detector's."""
    with pytest.raises(ValueError, match="calls or agents"):
        detector("call_cycles").measure(window(), {"of": "spans", "round": "[]"})


def worded(tool: str, results: Sequence[str], values: Sequence[str], like: Sequence[str] | None = None) -> FactWindow:
    run = Run()
    for at, (result, value) in enumerate(zip(results, values, strict=True)):
        said = digest(like[at]) if like else digest(result)
        run.call(tool, value=value, arguments_like=digest("alike"), result_hash=digest(result), result_like=said)
    return window(run)


def test_nearly_equal_calls_with_one_outcome_are_told_for_themselves() -> None:
    """Of low severity: other words are often worth a try."""
    candidate, measure = only("repeated_calls", worded("search", ["none"] * 3 + ["x"], ["a", "b", "c", "d"]))

    assert (candidate.severity, candidate.args["near"]) == ("low", True)
    assert (len(measure.affected), measure.opportunities) == (3, 4)


@pytest.mark.parametrize(
    ("tool", "results", "values"),
    [
        ("search", ["none", "none", "x"], ["a", "b", "c"]),
        ("search", ["1", "2", "3", "4"], ["a", "b", "c", "d"]),
        ("send_mail", ["sent"] * 4, ["a", "b", "c", "d"]),
    ],
)
def test_two_tries_progress_and_orders_are_no_near_repeats(tool: str, results: list[str], values: list[str]) -> None:
    """Nearly equal mails to four people are four mails."""
    assert none("repeated_calls", worded(tool, results, values))


def test_waiting_again_is_no_repetition() -> None:
    """A loop that polls waits equally long each time."""
    steps = [step for at in range(4) for step in (("wait", "5", "waited"), ("status", "x", str(at)))]

    assert none("repeated_calls", walked(steps))


def test_a_streak_of_nearly_equal_results_brings_nothing_new() -> None:
    """A clock in some of the results does not make them news."""
    results = ["none", "none", "none, 3 ms", "none", "none, 4 ms"]
    candidate, measure = only("same_tool_streak", worded("search", results, list("abcde"), ["none"] * 5))

    assert (candidate.args["of"], len(measure.affected), len(measure.wasted)) == ("similar", 5, 8)


def test_progress_and_batches_are_no_streak() -> None:
    """Results that are alike but never the same may be 5, 10 and 15 per cent; mails are all just sent."""
    assert none("same_tool_streak", worded("status", list("12345"), list("abcde"), ["like"] * 5))
    assert none("same_tool_streak", worded("send_mail", ["sent"] * 6, list("abcdef")))


def test_a_streak_of_failures_counts_whatever_the_tool() -> None:
    """Acting and failing five times in a row is fruitless too."""
    run = Run()
    for at in range(5):
        run.call("send_mail", value=str(at), error="refused")
    for at in range(6):
        run.call("edit", value=str(at), result_hash=digest("ok"))

    candidate, measure = only("same_tool_streak", window(run))
    assert (candidate.subject, len(measure.affected)) == ("send_mail", 5)
