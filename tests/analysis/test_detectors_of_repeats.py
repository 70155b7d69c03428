"""Each detector of repeated and retried calls: what it finds, and the false alarms it must not raise."""

from analysis.facts import FactWindow
from domain.spans import SpanKind
from tests.analysis.asking import none, only, split
from tests.analysis.building import SECOND, Run, digest, window


def repeated(results: list[str], tools: list[str] | None = None) -> FactWindow:
    run = Run()
    for result, tool in zip(results, tools or ["look"] * len(results), strict=True):
        run.call(tool, value="same", result_hash=digest(result))
    return window(run)


def test_three_equal_calls_with_one_result_are_a_repetition_of_three_calls() -> None:
    """All of them are shown, but the first was not wasted."""
    _, measure = only("repeated_calls", repeated(["a", "a", "a"]))

    assert (len(measure.affected), measure.opportunities) == (3, 3)
    assert len(measure.wasted) == 4


def test_polling_and_paging_are_no_repetition() -> None:
    """Their result changes."""
    assert none("repeated_calls", repeated(["a", "b", "c", "d"]))


def test_two_equal_calls_count_only_when_nothing_lies_between() -> None:
    """Looking again after doing something else may be wise."""
    assert none("repeated_calls", repeated(["a", "b", "a"], ["look", "act", "look"]))
    assert not none("repeated_calls", repeated(["a", "a"]))


def test_equal_calls_of_two_agents_are_no_repetition() -> None:
    """A sub-agent does not know what its caller asked."""
    run = Run()
    run.call(value="same", result_hash=digest("a"))
    inner = run.span(SpanKind.AGENT)
    run.call(value="same", result_hash=digest("a"), scope_id=inner, parent_id=inner)

    assert none("repeated_calls", window(run))


def test_calls_whose_result_is_not_recorded_are_no_repetition() -> None:
    """An unknown result is not an equal one."""
    run = Run()
    for _ in range(4):
        run.call(value="same", result_hash="", result_chars=None)

    assert none("repeated_calls", window(run))


def test_five_fruitless_variations_in_a_row_are_a_streak_and_four_are_none() -> None:
    """Below five a search is still a search."""

    def streak(calls: int) -> FactWindow:
        run = Run()
        for at in range(calls):
            run.call("search", value=str(at), result_hash=digest("nothing"))
        return window(run)

    assert none("same_tool_streak", streak(4))
    _, measure = only("same_tool_streak", streak(5))
    assert (len(measure.affected), len(measure.wasted)) == (5, 8)


def test_batch_work_is_no_streak() -> None:
    """Other arguments with other results are work."""
    run = Run()
    for at in range(8):
        run.call("read", value=str(at))

    assert none("same_tool_streak", window(run))


def test_fruitless_retries_are_split_by_what_was_changed() -> None:
    """Whether other arguments or a longer pause help is what decides on the retry policy."""
    run = Run()
    run.call(value="a", error="Error: busy")
    run.call(value="a", error="Error: busy")
    run.call(value="b", error="Error: busy")
    run.call(value="b")

    candidate, measure = only("retry_storm", window(run))

    assert (len(measure.affected), measure.opportunities) == (2, 3)
    assert split(measure, "arguments") == {"same": (1, 2), "changed": (1, 1)}
    assert candidate.owner == "harness"


def test_a_retry_that_succeeds_and_another_error_are_no_storm() -> None:
    """Retrying a passing fault is right."""
    run = Run()
    run.call(error="Error: busy")
    run.call()
    run.call(error="Error: other")

    assert none("retry_storm", window(run))


def test_a_failure_is_recovered_by_a_later_success_of_the_same_tool_in_the_same_scope() -> None:
    """An earlier one, another tool's or another agent's success mends nothing."""
    run = Run()
    run.call("a", error="Error: no")
    run.call("a")
    run.call("a", error="Error: no")
    run.call("b")
    inner = run.span(SpanKind.AGENT)
    run.call("a", scope_id=inner, parent_id=inner)

    _, measure = only("unrecovered_error", window(run))

    assert (len(measure.affected), measure.opportunities) == (1, 2)


def test_a_success_that_began_before_the_failure_ended_does_not_mend_it() -> None:
    """Parallel calls do not answer each other."""
    run = Run()
    run.bare_call("a", error="Error: no", start_ns=SECOND, end_ns=9 * SECOND)
    run.bare_call("a", start_ns=2 * SECOND, end_ns=3 * SECOND)

    _, measure = only("unrecovered_error", window(run))

    assert len(measure.affected) == 1
