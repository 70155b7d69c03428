"""Which traces failed, and who says so: every ranking and every comparison of failing with passing rests on it."""

import pytest

from analysis.coverage import coverage_of
from analysis.facts import Verdict
from analysis.looking import Looked
from analysis.outcomes import outcomes
from domain.spans import SpanStatus
from tests.analysis.building import Run, window
from tests.analysis.judging import judged


def says(*verdicts: Verdict, number: int = 0) -> Run:
    run = Run(number)
    run.change(run.root, verdicts=verdicts)
    return run


def verdict(name: str = "resolved", score: float | None = None, label: str = "", of: str = "span") -> Verdict:
    return Verdict(name, score, label, of)


def failed(*runs: Run) -> list[bool | None]:
    """True, False or unknown for each run."""
    known = outcomes(window(*runs))
    return [True if run.trace_id in known.failing else False if run.trace_id in known.passing else None for run in runs]


def test_an_evaluation_decides_though_an_error_was_never_made_good() -> None:
    """The agent may have succeeded some other way; whoever judged the result knows."""
    run = Run()
    run.call(error="boom")
    known = outcomes(window(judged(run, True), judged(Run(1), False)))

    assert (known.source, known.failing, len(known.passing), len(known.stated)) == (
        "evaluation",
        frozenset([Run(1).trace_id]),
        1,
        2,
    )


def test_what_was_not_judged_is_unknown_unless_its_root_failed() -> None:
    """Six of 312 runs without a verdict are neither successes nor failures."""
    assert failed(judged(Run(0), False), Run(1), Run(2).fail()) == [True, None, True]


@pytest.mark.parametrize(
    ("label", "is_failing"),
    [("pass", False), ("Not resolved", True), ("FAILED", True), ("thumbs-down", True), ("true", False), ("no", True)],
)
def test_labels_are_read_in_the_words_evaluators_use(label: str, is_failing: bool) -> None:
    """Spelling, case and hyphens differ."""
    assert failed(says(verdict(label=label))) == [is_failing]


def test_a_label_nobody_knows_leaves_the_outcome_to_other_sources() -> None:
    """A guess would turn a window upside down."""
    known = outcomes(window(says(verdict(label="verbose"))))

    assert (known.source, known.stated) == ("structural", frozenset())


@pytest.mark.parametrize(
    ("scores", "is_failing"),
    [
        ([0.0, 1.0, 0.4], [True, False, True]),
        ([-1.0, 1.0, 0.0], [True, False, True]),
        ([1.0, 5.0, 3.0], [True, False, False]),
        ([2.0, 9.0, 7.0], [True, False, False]),
        ([30.0, 95.0, 49.0], [True, False, True]),
        ([3.0, 400.0, 7.0], [True, True, True]),
    ],
)
def test_scores_are_read_on_the_scale_that_their_evaluator_uses(scores: list[float], is_failing: list[bool]) -> None:
    """3 is bad of ten and fair of five; of a scale nobody knows nothing is read, and the roots, failed here, speak."""
    runs = [says(verdict("reward", score), number=at) for at, score in enumerate(scores)]
    if max(scores) > 100:
        runs = [run.fail() for run in runs]

    assert failed(*runs) == is_failing


def test_a_score_that_is_no_number_says_nothing_and_spoils_no_scale() -> None:
    """An evaluator that divided by zero must not turn its whole window into failures."""
    runs = [
        says(verdict("reward", score), number=at) for at, score in enumerate((float("nan"), float("inf"), 1.0, 0.0))
    ]

    assert failed(*runs) == [None, None, False, True]


def test_a_label_decides_before_a_score() -> None:
    """An evaluator that says pass at 0.3 has its own threshold."""
    assert failed(says(verdict("reward", 0.3, "pass"))) == [False]


def test_a_measure_of_something_bad_is_not_read_upside_down() -> None:
    """Toxicity 0.0 is good, and so may be hallucination 1.0: they count up here and down there."""
    toxic = says(verdict("toxicity", 0.0), verdict("hallucination", 1.0), verdict("pii_leak", label="false"))

    assert outcomes(window(toxic)).source == "structural"


def test_of_several_evaluators_those_of_the_outcome_decide() -> None:
    """An impolite run that solved its task did not fail; one that solved half of two tasks did."""
    assert failed(
        says(verdict("task_success", label="pass"), verdict("politeness", label="fail")),
        says(verdict("goal", label="pass"), verdict("correctness", label="fail"), number=1),
        says(verdict("politeness", label="fail"), verdict("style", label="pass"), number=2),
    ) == [False, True, True]


def test_users_feedback_is_asked_where_nobody_evaluated() -> None:
    """And an evaluation of the agent's traces silences it."""
    thumbs = says(verdict("user_feedback", label="thumbs_down"))

    assert outcomes(window(thumbs)).source == "feedback"
    assert failed(thumbs) == [True]
    assert failed(thumbs, judged(Run(1), True)) == [None, False]


def test_a_verdict_on_the_trace_counts_wherever_it_was_recorded_and_one_on_a_step_does_not() -> None:
    """Evaluators annotate single answers too: those are no outcomes."""
    run = Run()
    run.ask(verdicts=(verdict("resolved", label="fail", of="span"),))
    run.ask(verdicts=(verdict("resolved", label="fail", of="session"),))
    other = Run(1)
    other.ask(verdicts=(verdict("resolved", label="fail", of="trace"),))

    assert failed(run, other) == [None, True]


def test_agents_are_judged_each_by_its_own_source_and_all_sources_are_named() -> None:
    """One team evaluates, the other does not."""
    porter = Run(1, agent="porter").fail()
    known = outcomes(window(judged(Run(0), True), porter, Run(2, agent="cook")))

    assert known.source == "evaluation+root_status+structural"
    assert sorted(known.source_of.values()) == ["evaluation", "root_status", "structural"]
    assert known.failing == frozenset([porter.trace_id])


def test_a_root_status_is_stated_where_a_root_has_one() -> None:
    """A root that says nothing passes by default, which is no statement."""
    run = Run(0)
    run.change(run.root, status=SpanStatus.OK)
    known = outcomes(window(run, Run(1).fail(), Run(2)))

    assert (known.source, len(known.stated), len(known.passing)) == ("root_status", 2, 2)


def test_a_missing_final_answer_fails_a_run_where_answers_are_usual() -> None:
    """Eleven of seventy-eight coding runs just stop; but where answers are not recorded, none is missing."""
    runs = [Run(at) for at in range(10)]
    for run in runs[1:]:
        run.change(run.root, output_chars=5)

    assert failed(*runs) == [True] + [False] * 9
    assert failed(*(Run(at) for at in range(10))) == [False] * 10


def test_coverage_says_how_many_outcomes_were_stated() -> None:
    """Without that number nobody can weigh what rests on it."""
    facts = window(judged(Run(0), False), judged(Run(1), True), Run(2))
    coverage = coverage_of(facts, Looked((), (), (), 0), outcomes(facts), (), excluded_traces=0, dropped_spans=0)

    assert (coverage.outcome_source, coverage.stated_outcomes, coverage.failing_traces) == ("evaluation", 2, 1)
