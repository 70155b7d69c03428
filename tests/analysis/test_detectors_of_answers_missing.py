"""Detectors of how runs end: what they find, and the false alarms they must not raise."""

from analysis.detecting import Measure
from analysis.facts import FactWindow
from analysis.looking import load_detectors, unmet
from analysis.observability import missing
from domain.spans import SpanKind, SpanStatus
from tests.analysis.asking import none, only
from tests.analysis.building import Run, request, window
from tests.analysis.troubled_answers import failed_at_limit, limited


def counted(measure: Measure) -> tuple[int, int]:
    return len(measure.affected), measure.opportunities


def is_blind(name: str, facts: FactWindow) -> bool:
    return bool(unmet(facts, load_detectors(None)[name], missing))


def test_a_run_that_takes_its_last_step_and_still_asks_for_a_tool_is_cut_off() -> None:
    """The agent says how many steps it may take."""
    candidate, measure = only("step_limit", window(limited(0), limited(1, steps=4), limited(2, steps=1)))

    assert counted(measure) == (2, 3)
    assert candidate.severity == "medium"
    assert dict(measure.figures) == {"most_steps": 4}


def test_a_run_that_answers_in_its_last_step_is_in_time() -> None:
    """Neither words nor a tool that hands over the answer are a sign of a cut."""
    answering = limited(0, steps=2)
    answering.ask()
    handing_over = limited(1, steps=2)
    handing_over.ask(request("final_answer"))

    assert none("step_limit", window(answering, handing_over))


def test_steps_are_the_spans_around_the_model_calls_where_there_are_any() -> None:
    """Planning calls beside the steps count for nothing; one after the last step is the forced answer."""
    run = limited(0, steps=0, most=3)
    for step in range(3):
        run.ask()
        around = run.span(SpanKind.CHAIN, name=f"Step {step}")
        run.ask(request(), parent_id=around)

    ended = limited(1, steps=0, most=3)
    for step in range(3):
        around = ended.span(SpanKind.CHAIN, name=f"Step {step}")
        ended.ask(request() if step < 2 else request("final_answer"), parent_id=around)

    forced = limited(2, steps=0, most=2)
    for step in range(2):
        forced.ask(request(), parent_id=forced.span(SpanKind.CHAIN, name=f"Step {step}"))
    forced.ask()

    _, measure = only("step_limit", window(run, ended, forced))
    assert {trace_id[-1] for trace_id, _ in measure.affected} == {"0", "2"}
    assert dict(measure.figures) == {"most_steps": 3}


def test_an_error_that_speaks_of_a_limit_tells_of_it() -> None:
    """Timeouts and step limits of the run itself, in whatever words."""
    said = (
        "Agent reached maximum number of steps",
        "MaxTurnsExceeded",
        "AgentTimeoutError: <num> s",
        "recursion_limit",
    )
    runs = [failed_at_limit(at, text) for at, text in enumerate(said)]
    others = [failed_at_limit(8, "KeyError: name"), failed_at_limit(9, "the stepping motor has turned")]

    _, measure = only("step_limit", window(*runs, *others))
    assert counted(measure) == (4, 6)


def test_a_timeout_that_is_a_tools_is_not_the_runs() -> None:
    """The run only passes it on."""
    assert none("step_limit", window(failed_at_limit(0, "Request timed out", passed_on=True)))


def piled(top: int, below: int, *, next_to_it: int = 0, answered: bool = False) -> FactWindow:
    """So many runs of six calls, of five, and of two or three; `answered`: those of six end with an answer."""
    runs = [limited(at, steps=5 if answered else 6, most=None) for at in range(top)]
    others = [limited(100 + at, steps=1 + at % 2, most=None) for at in range(below)]
    others += [limited(200 + at, steps=4, most=None) for at in range(next_to_it)]
    for run in (*others, *(runs if answered else ())):
        run.ask()
    return window(*runs, *others)


def test_run_lengths_that_pile_up_at_the_greatest_give_a_limit_away() -> None:
    """No limit is recorded, yet eight runs stop in the middle of their work after six calls, and none takes seven."""
    candidate, measure = only("step_limit", piled(8, 8))

    assert candidate.args["kind"] == "pile"
    assert counted(measure) == (8, 16)
    assert dict(measure.figures) == {"most_steps": 6}


def test_a_length_that_most_runs_have_is_no_pile() -> None:
    """It is how long the work is; nor is one that ends with answers, is low, or stands beside others as high."""
    assert none("step_limit", piled(9, 8))
    assert none("step_limit", piled(8, 12, answered=True))
    assert none("step_limit", piled(4, 12))
    assert none("step_limit", piled(8, 12, next_to_it=3))


def test_a_run_that_ends_with_a_tool_request_and_no_output_lacks_its_answer() -> None:
    """It ended without an error, so nothing else would tell."""
    silent, other, telling = (limited(at, most=None) for at in range(3))
    telling.ask()

    candidate, measure = only("missing_answer", window(silent, other, telling))
    assert counted(measure) == (2, 3)
    assert candidate.severity == "medium"
    assert {trace_id for trace_id, _ in candidate.exemplars} == {silent.trace_id, other.trace_id}
    assert none("missing_answer", window(silent, telling))


def test_an_answer_may_be_given_in_many_ways() -> None:
    """By the agent's output, or by a tool that hands it over; and a failed or unfinished run owes none."""
    runs = [limited(at, most=None, output_chars=12) for at in range(2)]
    for number in range(2, 4):
        run = Run(number)
        run.call("submit_answer")
        runs.append(run)
    runs += [limited(number, most=None).fail() for number in range(4, 6)]
    for number in range(6, 8):
        run = limited(number, most=None)
        run.complete = False
        runs.append(run)

    assert none("missing_answer", window(*runs))


def test_a_last_call_that_failed_or_says_nothing_is_not_judged() -> None:
    """What it would have answered is not known; and where the last tool call failed, that is what went wrong."""
    runs = [Run(at) for at in range(8)]
    for run in runs[:2]:
        run.ask(request(), status=SpanStatus.ERROR)
    for run in runs[2:4]:
        run.ask(output_chars=None)
    for run in runs[4:6]:
        run.call("look", error="Busy: later")
    for run in runs[6:]:
        run.call("look", soft_error="Error: later")

    assert none("missing_answer", window(*runs))


def test_a_missing_answer_is_not_observable_without_content() -> None:
    """The fixtures without content taught that."""
    run = Run()
    run.ask(output_chars=None)

    assert is_blind("missing_answer", window(run))
