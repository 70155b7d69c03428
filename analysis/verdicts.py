"""What evaluators' verdicts say of a run: passed, failed, or nothing that can be read.

A label in words decides before a score. A score is read on the scale that the evaluator of that name uses in the
window: the smallest of 0 to 1, -1 to 1, 0 to 5, 0 to 10 and 0 to 100 that holds all its scores; less than the
middle fails. What measures something bad (toxicity, hallucination) may count up or down, so of such an evaluator
only words that say pass or fail are read. Where some evaluators of a run judge the outcome by name (success,
correctness, reward), the others are not asked; of those that are, one that fails is enough.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import NamedTuple

from analysis.facts import FactWindow, TraceFacts, Verdict

_PASS = frozenset(
    (
        *("pass", "passed", "success", "successful", "succeeded", "correct", "resolved", "solved", "accepted"),
        *("good", "positive", "satisfied", "helpful", "thumbs_up", "👍"),
    )
)
_FAIL = frozenset(
    (
        *("fail", "failed", "failure", "unsuccessful", "incorrect", "wrong", "unresolved", "not_resolved"),
        *("unsolved", "rejected", "bad", "negative", "dissatisfied", "unhelpful", "not_helpful", "thumbs_down", "👎"),
    )
)
_YES, _NO = frozenset(("true", "yes", "y", "up")), frozenset(("false", "no", "n", "down"))
_ADVERSE = re.compile(
    r"toxic|hallucinat|bias|harm|unsafe|jailbreak|profan|refus|error|violation|leak|injection|pii|fail|latency|cost"
)
_OUTCOME = re.compile(r"success|correct|resolv|reward|outcome|complet|goal|accura|task|solved|pass")
_FEEDBACK = re.compile(r"feedback|thumb|csat|user.?(rating|score|satisfaction)")
_SCALES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 5.0), (0.0, 10.0), (0.0, 100.0))


class Judged(NamedTuple):
    """Whether a run passed by its evaluations, and by its users' feedback; None where they say nothing."""

    evaluation: bool | None
    feedback: bool | None


def judgements(window: FactWindow) -> Mapping[str, Judged]:
    """What is said of each trace of which anything is."""
    scales = window.once(_scales)
    found = {}
    for trace in window.traces:
        said = [(verdict, has_passed(verdict, scales.get(verdict.name))) for verdict in _on_trace(trace)]
        read = [(verdict.name.casefold(), passed) for verdict, passed in said if passed is not None]
        if read:
            found[trace.trace_id] = Judged(
                _together(item for item in read if not _FEEDBACK.search(item[0])),
                _together(item for item in read if _FEEDBACK.search(item[0])),
            )
    return found


def has_passed(verdict: Verdict, middle: float | None) -> bool | None:
    """What one verdict says; `middle` is the middle of its evaluator's scale. None: nothing that can be read."""
    word = re.sub(r"[\s-]+", "_", verdict.label.strip().casefold())
    if word in _PASS or word in _FAIL:
        return word in _PASS
    if _ADVERSE.search(verdict.name.casefold()):
        return None
    if word in _YES or word in _NO:
        return word in _YES
    if verdict.score is None or middle is None or not isfinite(verdict.score):
        return None
    return verdict.score >= middle if middle else verdict.score > 0


def _on_trace(trace: TraceFacts) -> Iterator[Verdict]:
    """The verdicts on a run: on its trace, wherever they are recorded, and on its root spans."""
    for span in trace.spans:
        for verdict in span.verdicts:
            if verdict.of == "trace" or (verdict.of == "span" and not span.parent_id):
                yield verdict


def _scales(window: FactWindow) -> Mapping[str, float]:
    """The middle of each evaluator's scale; those that fit none are left out."""
    ranges: dict[str, tuple[float, float]] = {}
    for trace in window.traces:
        for verdict in _on_trace(trace):
            if verdict.score is not None and isfinite(verdict.score):
                low, high = ranges.get(verdict.name, (verdict.score, verdict.score))
                ranges[verdict.name] = min(low, verdict.score), max(high, verdict.score)
    found = {}
    for name, (low, high) in ranges.items():
        scale = next((scale for scale in _SCALES if scale[0] <= low and high <= scale[1]), None)
        if scale is not None:
            found[name] = sum(scale) / 2
    return found


def _together(read: Iterable[tuple[str, bool]]) -> bool | None:
    said = list(read)
    telling = [passed for name, passed in said if _OUTCOME.search(name)] or [passed for _, passed in said]
    return all(telling) if telling else None
