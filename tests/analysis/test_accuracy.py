"""The arithmetic behind the printed accuracy: a wrong score would be believed by everyone who reads the table."""

import pytest

from bench.accuracy import MEANING, rows
from bench.trail_scoring import category, scores

GOLD = {"a": {("s1", "loop"), ("s2", "format")}, "b": {("s3", "format")}, "quiet": set[tuple[str, str]]()}


def test_everything_right_scores_one_and_nothing_scores_none() -> None:
    """The ends of the scale."""
    assert scores(GOLD, GOLD) == (1.0, 1.0, 1.0, 1.0, 3)
    assert scores(GOLD, {}) == (0.0, 0.0, 0.0, 0.0, 0)


def test_recall_is_a_mean_over_traces_and_precision_one_over_pairs() -> None:
    """Trace a: one of two pairs, both spans; trace b: the span, another category; five pairs, one of them right."""
    predicted = {"a": {("s1", "loop"), ("s2", "loop"), ("s9", "loop"), ("s8", "loop")}, "b": {("s3", "loop")}}
    found = scores(GOLD, predicted)

    assert (found.joint, found.loc, found.pair_precision) == (0.25, 1.0, 0.2)
    assert found.weighted_f1 == pytest.approx((1 * (2 * 1 / (2 + 1)) + 2 * 0) / 3)


def test_a_trace_without_labels_counts_for_nothing() -> None:
    """Nobody can say whether a prediction on it is wrong."""
    assert scores(GOLD, {"quiet": {("s7", "loop")}}).predicted == 0


def test_annotators_spellings_are_one_category() -> None:
    """The labels know five ways of not complying."""
    assert len({category(name) for name in ("Instruction Non-compliance", "Instruction non complience")}) == 1
    assert (
        category("Task Orchestration Error") == category("Task Orchestration Errors") == category("task orchestration")
    )
    assert len({category(name) for name in MEANING.values()}) == len(set(MEANING.values()))


def test_without_the_shared_traces_one_line_says_so() -> None:
    """The bench runs anywhere."""
    (row,) = rows(None)

    assert "HALO_SHARED_DATA" in row.measured
