"""Each detector of what was done before an answer: what it finds, and the false alarms it must not raise."""

from collections.abc import Callable

import pytest

from analysis.facts import FactWindow
from analysis.looking import unmet
from analysis.observability import missing
from domain.spans import SpanKind
from tests.analysis.asking import detector, none, only, split
from tests.analysis.building import Run, request, window


def after_error(end: Callable[[Run], object], answers: int = 3) -> FactWindow:
    """Runs in which `look` fails, something may follow, and the model answers; and one healthy run."""
    runs = []
    for number in range(answers):
        run = Run(number)
        run.call("look", error="Timeout: no answer")
        end(run)
        runs.append(run)
    healthy = Run(99)
    healthy.call("look")
    healthy.ask()
    return window(*runs, healthy)


def test_an_answer_right_after_an_unresolved_error_is_found() -> None:
    """Of all answers that something was done for."""
    candidate, measure = only("answer_after_error", after_error(lambda run: run.ask()))

    assert (len(measure.affected), measure.opportunities) == (3, 4)
    assert (candidate.severity, candidate.confidence) == ("medium", "medium")
    assert len(measure.wasted) == 9


def test_an_answer_by_a_tool_is_an_answer() -> None:
    """Some agents hand their answer over by a call."""
    facts = after_error(lambda run: run.call("final_answer"))

    assert len(only("answer_after_error", facts)[1].affected) == 3


def _try_again(run: Run) -> None:
    run.call("look")
    run.ask()


def _try_other(run: Run) -> None:
    run.call("search")
    run.ask()


def _delegate(run: Run) -> None:
    run.span(SpanKind.AGENT, agent="helper")
    run.ask()


def _admit(run: Run) -> None:
    run.ask(phrases=("giving_up",))


def _stop(run: Run) -> None:
    run.complete = False
    run.ask()


@pytest.mark.parametrize("end", [_try_again, _try_other, _delegate, _admit, _stop])
def test_errors_made_good_or_admitted_are_no_finding(end: Callable[[Run], object]) -> None:
    """Another try, another tool, a sub-agent, an honest answer; and a run that goes on."""
    assert none("answer_after_error", after_error(end))


def test_one_answer_after_an_error_is_no_pattern() -> None:
    """Two are asked for."""
    assert none("answer_after_error", after_error(lambda run: run.ask(), answers=1))


def acting(*shares: tuple[str, int, int], talk: bool = False) -> FactWindow:
    """Runs as (version, how many act, how many do not)."""
    runs: list[Run] = []
    for version, act, idle in shares:
        for at in range(act + idle):
            run = Run(len(runs), version=version)
            for _ in range(4 if at < act else 0):
                run.call("look")
            run.ask(phrases=("hand_back",) if talk else ("intent",) if at % 2 else ())
            runs.append(run)
    return window(*runs)


def test_a_version_that_answers_without_acting_stands_out() -> None:
    """The split shows it, and it alone makes the finding one to act on."""
    candidate, measure = only("answer_without_action", acting(("1", 60, 0), ("2", 5, 15)))

    assert (len(measure.affected), measure.opportunities, candidate.severity) == (15, 80, "medium")
    assert split(measure, "version") == {"2": (15, 20), "1": (0, 60)}
    assert "“2”" in candidate.explanation


def test_idle_answers_of_all_versions_are_a_hint_only() -> None:
    """Perhaps they were asked what needs no tool."""
    assert only("answer_without_action", acting(("1", 52, 8)))[0].severity == "low"


@pytest.mark.parametrize(
    "shares",
    [(("1", 58, 2),), (("1", 30, 30),), (("1", 10, 6),), (("1", 30, 30), ("2", 30, 30))],
)
def test_small_talk_and_agents_that_often_answer_by_themselves_are_left_alone(
    shares: tuple[tuple[str, int, int], ...],
) -> None:
    """Only where acting is normal is not acting odd."""
    assert none("answer_without_action", acting(*shares))


def test_a_bad_version_is_seen_even_where_it_is_most_of_the_window() -> None:
    """The others tell what is normal."""
    assert not none("answer_without_action", acting(("1", 20, 0), ("2", 5, 30)))


def test_calls_that_left_no_span_are_actions_all_the_same() -> None:
    """Tools that nobody instrumented are no idleness."""
    runs = []
    for number in range(40):
        run = Run(number)
        if number < 30:
            run.call("look")
        else:
            run.ask(request("look"))
        run.ask()
        runs.append(run)

    assert none("answer_without_action", window(*runs))


def test_runs_that_end_before_they_began_are_found() -> None:
    """With how many of them announce what they will not do."""
    candidate, measure = only("announced_not_done", acting(("1", 45, 15)))

    assert (len(measure.affected), measure.opportunities, candidate.severity) == (15, 60, "medium")
    assert dict(measure.figures) == {"median_actions": 4.0, "without_action": 15, "announcing": 8}
    assert split(measure, "last_message") == {"announces": (8, 8), "other": (7, 7)}


def test_far_fewer_actions_than_usual_are_next_to_none() -> None:
    """One where sixty are usual."""
    runs = [Run(number) for number in range(24)]
    for number, run in enumerate(runs):
        for _ in range(1 if number < 6 else 60):
            run.bare_call("look")
        run.ask()

    _, measure = only("announced_not_done", window(*runs))
    assert (len(measure.affected), measure.opportunities) == (6, 24)


def test_asking_back_before_acting_is_of_low_severity() -> None:
    """It may be what the task needs."""
    assert only("announced_not_done", acting(("1", 45, 15), talk=True))[0].severity == "low"


def test_the_phrase_alone_is_worthless() -> None:
    """Runs that did their work may announce more of it."""
    runs = [Run(number) for number in range(30)]
    for run in runs:
        for _ in range(4):
            run.call("look")
        run.ask(phrases=("intent",))

    assert none("announced_not_done", window(*runs))


@pytest.mark.parametrize("shares", [(("1", 58, 2),), (("1", 9, 6),)])
def test_few_short_runs_and_small_windows_say_nothing(shares: tuple[tuple[str, int, int], ...]) -> None:
    """An agent may now and then have nothing to do."""
    assert none("announced_not_done", acting(*shares))


def test_failed_and_unfinished_runs_did_not_end_early() -> None:
    """Others tell of them."""
    runs = [Run(number) for number in range(40)]
    for number, run in enumerate(runs):
        for _ in range(4 if number < 28 else 0):
            run.call("look")
        run.ask()
        if number >= 34:
            run.fail()
        elif number >= 28:
            run.complete = False

    assert none("announced_not_done", window(*runs))


@pytest.mark.parametrize("name", ["answer_after_error", "answer_without_action", "announced_not_done"])
def test_without_the_text_of_answers_their_end_is_not_observable(name: str) -> None:
    """Content capture is often off."""
    run = Run()
    run.bare_call("look")
    run.ask(output_chars=None)

    assert unmet(window(run), detector(name), missing)
