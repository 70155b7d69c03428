"""Each detector of what calls say and carry: what it finds, and the false alarms it must not raise."""

import pytest

from analysis.facts import FactWindow
from analysis.looking import unmet
from analysis.observability import missing
from domain.spans import SpanStatus
from tests.analysis.asking import detector, none, only, split
from tests.analysis.building import Run, digest, request, window

BROKEN = "index is being rebuilt"


def soft(calls: int, errors: int, text: str = BROKEN) -> FactWindow:
    runs = []
    for number in range(calls):
        run = Run(number)
        run.call(value=str(number), soft_error=text if number < errors else "")
        run.ask()
        runs.append(run)
    return window(*runs)


def test_errors_in_results_are_counted_of_all_calls_with_a_recorded_result() -> None:
    """Calls whose result nobody kept could not have shown one."""
    facts = window(*(unrecorded(number) for number in range(5)))
    joined = FactWindow.of((*soft(10, 4).traces, *facts.traces))

    candidate, measure = only("soft_errors", joined)

    assert (len(measure.affected), measure.opportunities, measure.traces) == (4, 10, 10)
    assert len(measure.wasted) == 8
    assert (candidate.severity, candidate.category) == ("medium", "execution_error")


def unrecorded(number: int) -> Run:
    run = Run(100 + number)
    run.call(result_chars=None, result_hash="")
    return run


@pytest.mark.parametrize(
    ("text", "owner", "category"),
    [("<num> Too Many Requests", "provider", "rate_limit"), ("Error: no such file", "environment", "not_found")],
)
def test_an_error_in_a_result_has_the_owner_of_its_class(text: str, owner: str, category: str) -> None:
    """A finding says who has to change something."""
    candidate, _ = only("soft_errors", soft(10, 5, text))

    assert (candidate.owner, candidate.category) == (owner, category)


def test_complaints_that_the_agent_mended_are_no_errors() -> None:
    """Tests fail until the code is right; that is what they are for."""
    run = Run()
    for _ in range(3):
        run.call("run_tests", "[]", soft_error="exit code <num>: <num> tests failed")
        run.call("edit")
    run.call("run_tests", "[]")

    assert none("soft_errors", window(run))


def test_a_complaint_that_nothing_mended_is_one() -> None:
    """The same without the last success."""
    run = Run()
    for _ in range(3):
        run.call("run_tests", "[]", soft_error="exit code <num>: <num> tests failed")
        run.call("edit")

    _, measure = only("soft_errors", window(run))
    assert (len(measure.affected), measure.opportunities) == (3, 3)


def test_rare_texts_of_a_class_are_told_together() -> None:
    """Ten different errors of one call each are one thing to look at."""
    runs = []
    for number in range(20):
        run = Run(number)
        run.call(value=str(number), soft_error=f"Error: {'abcd'[number]} broke" if number < 4 else "")
        runs.append(run)

    candidate, measure = only("soft_errors", window(*runs))

    assert (candidate.severity, candidate.scattered, len(measure.affected)) == ("low", True, 4)


def test_soft_errors_that_pass_by_themselves_are_of_low_severity() -> None:
    """Two in forty calls, each made good by the next try."""
    runs = []
    for number in range(40):
        run = Run(number)
        if number < 2:
            run.call(value=str(number), soft_error="busy")
        run.call(value=str(number))
        runs.append(run)

    assert only("soft_errors", window(*runs))[0].severity == "low"


def test_without_results_soft_errors_are_not_observable() -> None:
    """No finding must not look like no fault."""
    facts = window(unrecorded(0))

    assert unmet(facts, detector("soft_errors"), missing)


def idle(calls: int, empty: int, *, error: str = "") -> FactWindow:
    runs = []
    for number in range(calls):
        run = Run(number)
        says_nothing = '["region"]' if number < empty else "[]"
        failed = error if number < empty else ""
        run.call(arguments='["order","region"]', value=str(number), idle_arguments=says_nothing, error=failed)
        runs.append(run)
    return window(*runs)


def test_a_key_that_never_says_anything_is_a_matter_of_hygiene() -> None:
    """It costs tokens and does no harm."""
    candidate, measure = only("redundant_arguments", idle(10, 10))

    assert (candidate.severity, candidate.args["key"]) == ("info", "region")
    assert (len(measure.affected), measure.opportunities, measure.wasted) == (10, 10, frozenset())


def test_a_key_that_makes_calls_fail_is_more_than_hygiene() -> None:
    """The failed calls are what it wastes."""
    candidate, measure = only("redundant_arguments", idle(12, 11, error="unexpected region"))

    assert (candidate.severity, dict(measure.figures)["failed_calls"]) == ("medium", 11)
    assert len(measure.wasted) == 22


def test_a_key_without_a_name_says_nothing_whatever_its_value() -> None:
    """Models that must send something send an empty key."""
    runs = [Run(number) for number in range(10)]
    for run in runs:
        run.call("page_down", '[""]', idle_arguments="[]")

    assert len(only("redundant_arguments", window(*runs))[1].affected) == 10


@pytest.mark.parametrize(("calls", "empty"), [(9, 9), (30, 28), (10, 8)])
def test_few_calls_and_optional_filters_in_use_are_left_alone(calls: int, empty: int) -> None:
    """A filter that two calls fill is there for them."""
    assert none("redundant_arguments", idle(calls, empty))


def test_without_arguments_redundant_ones_are_not_observable() -> None:
    """Their keys are not recorded."""
    run = Run()
    run.call(arguments_chars=None, argument_keys="", arguments_hash="")

    assert unmet(window(run), detector("redundant_arguments"), missing)


def leaking(*leaks: str, declares: tuple[str, ...] | None = ("look",)) -> FactWindow:
    runs = []
    for number, leak in enumerate(leaks):
        run = Run(number)
        run.ask(leaked_call=leak, declares=declares)
        runs.append(run)
    return window(*runs)


def test_calls_as_text_are_counted_of_answers_without_a_call() -> None:
    """Where a real call stands in the answer, its text is only talk."""
    facts = leaking("look", "look", "", "")
    run = Run(9)
    run.ask(request(), leaked_call="look")

    candidate, measure = only("leaked_call", FactWindow.of((*facts.traces, run.facts())))

    assert (len(measure.affected), measure.opportunities) == (2, 4)
    assert (candidate.owner, candidate.severity) == ("harness", "high")


def test_the_tools_whose_calls_leak_are_told() -> None:
    """They may share a schema that the model's format cannot express."""
    _, measure = only("leaked_call", leaking("look", "act", "look"))

    assert split(measure, "tool") == {"look": (2, 2), "act": (1, 1)}


def test_text_without_a_call_and_scopes_without_tools_leak_nothing() -> None:
    """A model without tools cannot mean to call one."""
    assert none("leaked_call", leaking("", ""))
    assert none("leaked_call", leaking("look", declares=None))


def test_failed_model_calls_leak_nothing() -> None:
    """What they wrote was never an answer."""
    run = Run()
    run.ask(leaked_call="look", status=SpanStatus.ERROR)

    assert none("leaked_call", window(run))


def test_without_declared_tools_leaked_calls_are_not_observable() -> None:
    """Nothing tells a call from an example."""
    assert unmet(leaking("", declares=None), detector("leaked_call"), missing)


def unknown(tool: str, *, error: str = "", soft_error: str = "") -> FactWindow:
    run = Run()
    run.ask(request(tool, declared=None), declares=None)
    run.bare_call(tool, result_hash=digest("no"), error=error, soft_error=soft_error)
    return window(run)


def test_an_unknown_tool_is_known_by_error_and_by_result_where_nothing_is_declared() -> None:
    """Harnesses differ in whether a refused call is an error."""
    text = "Error: No such tool available: LS"

    assert only("hallucinated_tool", unknown("LS", soft_error=text))[0].subject == "LS"
    assert only("hallucinated_tool", unknown("LS", error=text))[0].subject == "LS"


def test_a_declared_tool_may_answer_that_it_knows_no_such_tool() -> None:
    """A search for tools that finds none is itself no invention."""
    run = Run()
    run.call("find_tools", soft_error="Error: unknown tool: weather")

    assert none("hallucinated_tool", window(run))


def transient(failing: int, *, recovered: bool) -> FactWindow:
    runs = []
    for number in range(40):
        run = Run(number)
        if number < failing:
            run.call(value=str(number), error="Busy: upstream busy")
        if number >= failing or recovered:
            run.call(value=str(number))
        runs.append(run)
    return window(*runs)


def test_failures_that_pass_by_themselves_are_of_low_severity() -> None:
    """A robust agent tries again; nobody has to act."""
    assert only("error_signatures", transient(3, recovered=True))[0].severity == "low"


def test_failures_that_are_frequent_or_final_are_not() -> None:
    """Every fourth call tried twice is a cost, and what is never made good is a loss."""
    assert only("error_signatures", transient(12, recovered=True))[0].severity == "medium"
    assert only("error_signatures", transient(3, recovered=False))[0].severity == "medium"
