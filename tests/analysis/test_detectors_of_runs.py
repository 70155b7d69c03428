"""Each detector of answers, runs, sizes and times: what it finds, and the false alarms it must not raise."""

from analysis.detecting import Candidate, Measure
from analysis.facts import FactWindow
from analysis.looking import load_detectors
from domain.spans import SpanKind, SpanStatus
from tests.analysis.building import SECOND, START, Run, request, window


def found(name: str, facts: FactWindow) -> list[tuple[Candidate, Measure]]:
    detector = load_detectors(None)[name]
    return [(candidate, detector.measure(facts, candidate.args)) for candidate in detector.find(facts)]


def affected(name: str, facts: FactWindow) -> list[tuple[int, int]]:
    return [(len(measure.affected), measure.opportunities) for _, measure in found(name, facts)]


def planned(*steps: str, complete: bool = True) -> FactWindow:
    run = Run()
    run.complete = complete
    run.ask(plan_tools=("search", "helper"), output_chars=99)
    for step in steps:
        if step == "agent":
            run.span(SpanKind.AGENT, agent="anonymous", name="run")
        else:
            run.call(step)
    run.ask()
    other = Run(1)
    other.call("search")
    return window(run, other)


def test_a_plan_of_which_nothing_is_called_is_found() -> None:
    """The agent announces work and answers without it."""
    assert affected("planned_tools_never_called", planned()) == [(1, 1)]
    assert affected("planned_tools_never_called", planned("look")) == [(1, 1)]


def test_a_plan_that_is_partly_followed_is_no_finding() -> None:
    """Measured: such alarms are right one time in four."""
    assert affected("planned_tools_never_called", planned("search")) == []


def test_a_nested_agent_without_a_name_may_be_the_planned_one() -> None:
    """`helper` is no tool anywhere; it may be the agent that ran."""
    assert affected("planned_tools_never_called", planned("agent")) == []


def test_the_plan_of_a_run_that_still_goes_on_is_not_judged() -> None:
    """It may call them yet."""
    assert affected("planned_tools_never_called", planned(complete=False)) == []


def test_cut_answers_are_found_by_their_reason_or_by_their_length() -> None:
    """Emitters differ in what they record."""
    run = Run()
    run.ask(finish="length")
    run.ask(finish="MAX_TOKENS")
    run.ask(finish="", max_tokens=10, output_tokens=10)
    run.ask(finish="", max_tokens=10, output_tokens=9)
    run.ask(finish="", max_tokens=None, output_tokens=10)

    assert affected("truncated_output", window(run)) == [(3, 4)]


def test_a_stated_reason_is_believed_over_the_token_count() -> None:
    """An answer may end exactly at its limit."""
    run = Run()
    run.ask(finish="stop", max_tokens=10, output_tokens=10)

    assert affected("truncated_output", window(run)) == []


def test_empty_answers_are_counted_once_and_only_where_text_is_expected() -> None:
    """Tool calls have no text, failed calls none either, and wrappers repeat what is inside them."""
    run = Run()
    wrapper = run.ask(output_chars=0, leaf_llm=False)
    run.ask(output_chars=0, parent_id=wrapper)
    run.ask(request())
    run.ask(output_chars=0, finish="tool_calls")
    run.ask(output_chars=0, status=SpanStatus.ERROR, leaf_error=True)
    run.ask(output_chars=None)
    run.ask()

    assert affected("empty_output", window(run)) == [(1, 3)]


def test_an_agent_without_a_result_is_found_apart_from_model_answers() -> None:
    """They are mended in different places."""
    run = Run()
    run.change(run.root, output_chars=0, status=SpanStatus.OK)
    run.ask()

    ((candidate, measure),) = found("empty_output", window(run))

    assert candidate.args == {"kind": "AGENT"}
    assert measure.affected == {(run.trace_id, run.root)}


def rooted(*numbers: int) -> list[Run]:
    return [Run(number) for number in numbers]


def test_missing_roots_count_for_agents_that_have_roots() -> None:
    """Where no trace has one, the root belongs to a service that does not export here."""
    lost = Run(9)
    lost.change(lost.root, parent_id="f" * 16, parent_missing=True)

    assert affected("unfinished_trace", window(lost)) == []
    assert affected("unfinished_trace", window(*rooted(1, 2), lost)) == [(1, 3)]


def test_an_open_root_and_a_missing_parent_are_told_apart() -> None:
    """One is a hanging run, the other a lost span."""
    orphan = Run(1)
    orphan.span(SpanKind.TOOL, parent_id="f" * 16, parent_missing=True)
    hanging = Run(2)
    hanging.hangs = True

    seen = found("unfinished_trace", window(orphan, hanging))

    assert {candidate.cause: (len(measure.affected), measure.opportunities) for candidate, measure in seen} == {
        "root_not_ended": (1, 2),
        "missing_parent": (1, 3),
    }


def test_a_call_that_nothing_answers_is_found() -> None:
    """A tool that never returns leaves no span of its own."""
    run = Run()
    first = run.ask(request("look", call_id="c1"))
    run.bare_call("look", call_id="c1", issuer_id=first)
    run.ask(request("look", call_id="c2"))
    run.ask(request("look", call_id="c3"))
    run.ask(answered_calls=("c3",))

    ((candidate, measure),) = found("unfinished_trace", window(run))

    assert candidate.title == "1 of 3 requests of look were never answered"
    assert len(measure.affected) == 1


def test_a_service_that_answers_nothing_by_id_is_not_accused() -> None:
    """Its instrumentation does not record answers."""
    run = Run()
    run.ask(request("look", call_id="c1"))
    run.ask()

    assert affected("unfinished_trace", window(run)) == []


def test_a_final_answer_handed_over_as_a_call_needs_no_answer() -> None:
    """Frameworks ask for structured results this way; the run ends with it."""
    runs = []
    for number in range(3):
        run = Run(number)
        run.ask(request("look", call_id=f"a{number}"))
        run.ask(request("final_result", call_id=f"b{number}"), answered_calls=(f"a{number}",))
        runs.append(run)

    assert affected("unfinished_trace", window(*runs)) == []


def turns(*tokens: int) -> FactWindow:
    run = Run()
    for count in tokens:
        run.ask(input_tokens=count)
    return window(run)


def test_a_context_that_grows_every_turn_is_found_and_claims_no_waste() -> None:
    """Most of what an affected call reads it needs."""
    ((_, measure),) = found("context_growth", turns(2_000, 4_000, 6_000, 8_000, 10_000))

    assert (len(measure.affected), measure.opportunities) == (3, 5)
    assert not measure.wasted


def test_small_short_or_compacted_contexts_are_no_finding() -> None:
    """Growth matters when it is large and lasts."""
    assert affected("context_growth", turns(100, 200, 300, 400, 900)) == []
    assert affected("context_growth", turns(2_000, 9_000)) == []
    assert affected("context_growth", turns(2_000, 9_000, 30_000, 60_000, 3_000)) == []


def timed(*seconds: float, error_at: int = -1) -> FactWindow:
    run = Run()
    for at, duration in enumerate(seconds):
        status = SpanStatus.ERROR if at == error_at else SpanStatus.OK
        run.bare_call(value=str(at), start_ns=START, end_ns=START + int(duration * SECOND), status=status)
    return window(run)


def test_calls_far_slower_than_their_like_are_found() -> None:
    """Compared on log scale, since durations spread by factors."""
    assert affected("latency_outliers", timed(*[1.0, 1.2, 0.8] * 8, 60, 60, 60)) == [(3, 27)]


def test_few_calls_fast_calls_and_failed_calls_make_no_outliers() -> None:
    """What is usual needs twenty calls; a tenth of a second troubles nobody; a failure's duration is its timeout."""
    assert affected("latency_outliers", timed(*[1.0] * 15, 60, 60, 60)) == []
    assert affected("latency_outliers", timed(*[0.001] * 24, 0.1, 0.1, 0.1)) == []
    assert affected("latency_outliers", timed(*[1.0] * 24, 60, 60, 60, error_at=26)) == []
