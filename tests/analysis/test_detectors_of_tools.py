"""Each detector of failing tools: what it finds, and the false alarms it must not raise."""

from domain.spans import SpanKind, SpanStatus
from tests.analysis.asking import detector, none, only, split
from tests.analysis.building import NO_ARGUMENT, Run, request, unusable, window


def failing(calls: int, failures: int, *, number: int = 0, tool: str = "look", **said: str) -> Run:
    run = Run(number, **said)
    for at in range(calls):
        run.call(tool, value=str(at), error="ValueError: no" if at < failures else "")
    return run


def test_a_tool_that_only_works_without_arguments_is_found_with_the_keys_that_fail() -> None:
    """The split is what turns "fails a lot" into something a coding agent can mend."""
    candidate, measure = only("unusable_tool", unusable())

    assert (len(measure.affected), measure.opportunities, measure.traces) == (16, 17, 4)
    assert split(measure, "argument_keys") == {'[""]': (16, 16), "[]": (0, 1)}
    assert 'Every call that carries an argument fails (16 of 16: keys {"": …})' in candidate.explanation
    assert "page_down takes no arguments" in candidate.fix
    assert candidate.acceptance == "error rate of page_down < 5 % over ≥ 50 calls"


def test_what_a_failed_call_wastes_includes_the_model_call_that_asked_for_it() -> None:
    """The tool itself fails in milliseconds; the money goes into asking for it."""
    facts = unusable(traces=1, calls=6)
    _, measure = only("unusable_tool", facts)

    kinds = sorted(facts.by_ref[ref].kind.name for ref in measure.wasted)
    assert kinds == ["LLM"] * 6 + ["TOOL"] * 6


def test_two_failures_say_nothing_about_a_tool() -> None:
    """Two of two is an interval from a third to one."""
    assert none("unusable_tool", window(failing(2, 2)))
    assert not none("unusable_tool", window(failing(3, 3)))


def test_failures_of_many_causes_are_not_one_unusable_tool() -> None:
    """Without a dominant error there is no one thing to mend."""
    run = Run()
    for at in range(9):
        run.call("bash", value=str(at), error=f"Error: cause {'abc'[at % 3]}")

    assert none("unusable_tool", window(run))
    candidate, _ = only("tool_error_rate", window(run))
    assert candidate.cause == "several errors"


def test_a_tool_that_only_one_service_cannot_use_is_found_there() -> None:
    """In the whole window it drowns: 4 of 44 calls."""
    well = [failing(40, 0, number=1, service="new")]
    ill = failing(4, 4, number=2, service="old")

    candidate, measure = only("unusable_tool", window(*well, ill))

    assert (candidate.service, len(measure.affected), measure.opportunities) == ("old", 4, 4)


def test_a_tool_stands_out_against_the_others_not_against_itself() -> None:
    """A pooled rate that includes the tool itself would hide the worst tool of a small agent."""
    bad, good = failing(20, 10, tool="bad"), failing(20, 1, number=1, tool="good")

    candidate, measure = only("tool_error_rate", window(bad, good))

    assert candidate.subject == "bad"
    assert "Other tools fail in 5.0 %." in candidate.explanation
    assert (len(measure.affected), measure.opportunities) == (10, 20)


def test_where_everything_fails_alike_no_tool_stands_out() -> None:
    """Then the cause lies elsewhere."""
    runs = [failing(20, 9, number=at, tool=f"tool{at}") for at in range(3)]

    assert none("tool_error_rate", window(*runs))


def test_errors_that_wrappers_raise_again_are_counted_once() -> None:
    """Counting ERROR spans nearly doubles every rate."""
    run = Run()
    step = run.span(SpanKind.CHAIN, name="step", status=SpanStatus.ERROR, error_template="ValueError: no")
    run.call(error="ValueError: no", parent_id=step)

    _, measure = only("error_signatures", window(run.fail()))

    assert len(measure.affected) == 1


def test_a_request_that_fails_inside_a_tool_is_the_failure_of_the_tool() -> None:
    """HTTP instrumentation adds a leaf below the tool; the agent saw the tool fail."""
    run = Run()
    tool = run.call(error="HTTPError: bad gateway", leaf_error=False)
    for _ in range(3):
        run.span(SpanKind.UNKNOWN, name="GET", parent_id=tool, status=SpanStatus.ERROR, leaf_error=True)

    candidate, measure = only("error_signatures", window(run))

    assert (candidate.subject, candidate.cause) == ("look", "HTTPError|HTTPError: bad gateway")
    assert measure.affected == {(run.trace_id, tool)}


def test_a_tool_that_wraps_a_failing_agent_is_not_blamed() -> None:
    """The failure belongs to the model call inside."""
    run = Run()
    tool = run.call("delegate", error="Error: overloaded", leaf_error=False)
    agent = run.span(SpanKind.AGENT, parent_id=tool, status=SpanStatus.ERROR)
    run.ask(parent_id=agent, status=SpanStatus.ERROR, leaf_error=True, error_template="overloaded")

    candidate, _ = only("error_signatures", window(run))

    assert candidate.subject == "LLM"
    assert none("unrecovered_error", window(run))


def test_one_error_of_several_models_is_one_signature_split_by_model() -> None:
    """A provider's rate limit is one thing to do something about, whichever model met it."""
    run = Run()
    for model in ("m1", "m1", "m2"):
        run.ask(model=model, status=SpanStatus.ERROR, leaf_error=True, error_template="rate limited")
    run.ask(model="m2")

    candidate, measure = only("error_signatures", window(run))

    assert candidate.args["template"] == "rate limited"
    assert (candidate.category, candidate.owner) == ("rate_limit", "provider")
    assert split(measure, "model") == {"m1": (2, 2), "m2": (1, 2)}
    assert candidate.title == "Error “rate limited” in 3 of 4 model calls"


def test_a_tool_that_no_span_of_the_scope_declares_is_invented() -> None:
    """And one that a sibling model call declares is not: tools may be listed later."""
    run = Run()
    run.ask(request("look_up", declared=False), request("search", declared=False), declares=("look",))
    run.ask(declares=("look", "search"))

    candidate, measure = only("hallucinated_tool", window(run))

    assert candidate.subject == "look_up"
    assert (len(measure.affected), measure.opportunities) == (1, 1)


def test_an_undeclared_tool_that_works_is_not_invented() -> None:
    """Some frameworks add tools without declaring them to the model's span."""
    run = Run()
    issuer = run.ask(request("hidden", call_id="c1", declared=False))
    run.bare_call("hidden", call_id="c1", issuer_id=issuer)

    assert none("hallucinated_tool", window(run))


def test_the_answer_that_a_tool_is_unknown_is_enough() -> None:
    """Where nothing is declared only the harness's answer tells."""
    run = Run()
    run.bare_call("LS", error="<tool_use_error>Error: No such tool available: LS</tool_use_error>")

    candidate, measure = only("hallucinated_tool", window(run))

    assert candidate.subject == "LS"
    assert (len(measure.affected), measure.opportunities) == (1, 1)


def test_an_invented_tool_that_fails_is_counted_by_its_requests_only() -> None:
    """Request and failed call are one event."""
    run = Run()
    issuer = run.ask(request("LS", declared=False))
    call = run.bare_call("LS", error="Error: No such tool available: LS", issuer_id=issuer)

    _, measure = only("hallucinated_tool", window(run))

    assert measure.affected == {(run.trace_id, issuer)}
    assert (run.trace_id, call) in measure.wasted


def test_invalid_arguments_that_fail_are_a_finding_and_accepted_ones_hygiene() -> None:
    """A lenient tool is no failure, but the schema is wrong."""
    run = Run()
    run.call(error=NO_ARGUMENT, arguments_problem="unexpected: page")
    run.call(arguments_problem="unexpected: page")
    run.call()

    found = {each.args["outcome"]: each for each in detector("invalid_arguments").find(window(run))}

    assert {outcome: each.severity for outcome, each in found.items()} == {"failed": "high", "accepted": "info"}
    for each in found.values():
        measure = detector("invalid_arguments").measure(window(run), each.args)
        assert (len(measure.affected), measure.opportunities) == (1, 3)
    assert not detector("invalid_arguments").measure(window(run), found["accepted"].args).wasted


def test_invalid_requests_that_nothing_carries_out_are_counted_apart() -> None:
    """Some instrumentations trace models only."""
    run = Run()
    run.ask(request("look", problem="missing: query"))
    run.ask(request("look"))

    candidate, measure = only("invalid_arguments", window(run))

    assert candidate.args["outcome"] == "unknown"
    assert (len(measure.affected), measure.opportunities) == (1, 2)
