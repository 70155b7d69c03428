"""Detectors of what models answer: what they find, and the false alarms they must not raise."""

from analysis.detecting import Measure
from analysis.facts import FactWindow
from analysis.looking import load_detectors, unmet
from analysis.observability import missing
from tests.analysis.asking import detector, none, only, split
from tests.analysis.building import Run, window
from tests.analysis.troubled_answers import NO, refusing


def counted(measure: Measure) -> tuple[int, int]:
    return len(measure.affected), measure.opportunities


def kinds(name: str, facts: FactWindow) -> dict[str, tuple[int, int]]:
    """(affected, opportunities) by the kind of candidate."""
    asked = detector(name)
    return {str(each.args["kind"]): counted(asked.measure(facts, each.args)) for each in asked.find(facts)}


def is_blind(name: str, facts: FactWindow) -> bool:
    return bool(unmet(facts, load_detectors(None)[name], missing))


def test_refusals_in_a_row_are_a_loop() -> None:
    """Somebody should stop asking."""
    candidate, measure = only("refusals", window(refusing(0, 3), refusing(1, 2)))

    assert counted(measure) == (5, 5)
    assert candidate.severity == "medium"
    assert len(measure.wasted) == 5


def test_a_single_refusal_is_prevalence_and_nothing_to_act_on() -> None:
    """One no may be right; how many there are is worth knowing."""
    candidate, measure = only("refusals", window(refusing(0, 1), Run(1)))

    assert (candidate.severity, counted(measure), measure.wasted) == ("info", (1, 1), frozenset())


def test_a_no_after_a_tool_result_states_a_policy() -> None:
    """The agent looked it up; saying it twice, each time after a look, is no loop either."""
    run = Run()
    for _ in range(2):
        run.call("policy")
        run.ask(**NO)

    assert none("refusals", window(run))


def test_refusals_with_a_result_between_them_are_no_loop() -> None:
    """The agent did something in between."""
    run = Run()
    run.ask(**NO)
    run.call("policy")
    run.ask(**NO)

    assert kinds("refusals", window(run)) == {"single": (1, 3)}


def test_a_failed_tool_call_is_no_ground_for_a_refusal() -> None:
    """It brought nothing that the model could state."""
    run = Run()
    run.ask(**NO)
    run.call("policy", error="Busy: try again")
    run.ask(**NO)

    assert kinds("refusals", window(run)) == {"loop": (2, 3)}


def test_a_content_filter_refuses_whatever_was_looked_up() -> None:
    """Its finish reason is enough; no text is there to be read."""
    run = Run()
    run.call("policy")
    for _ in range(2):
        run.ask(finish="content_filter", output_chars=None)

    assert kinds("refusals", window(run)) == {"loop": (2, 3)}


def test_refusals_of_different_runs_are_no_loop() -> None:
    """Scopes are not mixed."""
    assert kinds("refusals", window(refusing(0, 1), refusing(1, 1))) == {"single": (2, 2)}


def test_refusals_are_not_observable_without_answers() -> None:
    """No text and no finish reason: nothing was looked at."""
    run = Run()
    run.ask(finish="", output_chars=None)

    assert is_blind("refusals", window(run))


def test_an_answer_is_cut_when_it_uses_all_the_tokens_it_may_and_does_not_say_why_it_ended() -> None:
    """Streaming clients leave out the finish reason."""
    run = Run()
    run.ask(finish="", max_tokens=10, output_tokens=10)
    run.ask(finish="", max_tokens=10, output_tokens=9)
    run.ask(finish="stop", max_tokens=10, output_tokens=10)

    _, measure = only("truncated_output", window(run))
    assert counted(measure) == (1, 3)


def test_programs_that_only_print_are_counted() -> None:
    """The extraction reads the code; one alone is no finding."""
    run = Run()
    for at in range(4):
        run.ask(prints_prose=at < 2)
    alone = Run(1)
    alone.ask(prints_prose=True)

    candidate, measure = only("prints_prose", window(run))
    assert (candidate.severity, counted(measure)) == ("low", (2, 4))
    assert none("prints_prose", window(alone))
    blind = Run(2)
    blind.ask(output_chars=None)
    assert is_blind("prints_prose", window(blind))


def test_an_answer_that_says_it_assumes_is_a_lead_unless_a_tool_answers_later() -> None:
    """Plans hedge and then look things up; handing over the answer is not looking anything up."""
    run = Run()
    run.call("look")
    for _ in range(2):
        run.ask(phrases=("fabrication",))
    run.call("final_answer")
    plan = Run(1)
    plan.ask(phrases=("fabrication",))
    plan.call("look")
    plain = Run(2)
    plain.ask(phrases=())

    candidate, measure = only("fabrication_phrases", window(run, plan, plain))
    assert (candidate.severity, candidate.confidence) == ("low", "low")
    assert counted(measure) == (2, 4)
    assert none("fabrication_phrases", window(plan))


def test_last_answers_without_grounds_are_told_for_information() -> None:
    """Derived numbers look the same, so nobody is sent after them; answers with few names say nothing."""
    run = Run()
    for unfounded in (4, 2, 1):
        run.ask(checked_words=4, unfounded_words=unfounded)
    run.ask(checked_words=5, unfounded_words=3)
    run.ask(checked_words=3, unfounded_words=3)
    run.ask()

    candidate, measure = only("ungrounded_answer", window(run))
    assert candidate.severity == "info"
    assert counted(measure) == (3, 4)


def test_the_splits_say_whose_refusals_they_are() -> None:
    """A reader asks first which model it is."""
    run = Run()
    run.ask(**NO, model="m1")
    run.ask(**NO, model="m1")
    run.ask(model="m2")

    _, measure = only("refusals", window(run))
    assert split(measure, "model") == {"m1": (2, 2), "m2": (0, 1)}
