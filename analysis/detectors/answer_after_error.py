"""Answers that rest on an action which failed.

Counts: scopes whose last action is a tool call that failed and was never made good, and that then end with an answer
in text, without an error; of all scopes that end with an answer after at least one tool call, retrieval or
sub-agent. The split shows which tool failed.
Excluded: answers that say so (the lexicons of giving up and refusing), scopes in which anything succeeded after the
failure began, incomplete traces.
Known false positives: probes that were expected to fail, and errors that say all the agent needed to know.
"""

from collections.abc import Mapping, Sequence

from pydantic import Field

from analysis.actions import Work, answers, scope_works
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, OneStory
from analysis.facts import FactWindow, SpanFact
from analysis.failures import failures, unrecovered
from analysis.groups import refs, with_issuers
from analysis.phrases import fraction, rated, sentence
from analysis.soft_failures import is_success
from analysis.splitting import WHO, measured, split_by
from domain.report import Scalar
from domain.spans import SpanKind

_HONEST = frozenset(("giving_up", "refusal"))


class Config(DetectorConfig):
    """When such answers are worth a finding."""

    min_answers: int = Field(2, ge=1, description="Fewest answers after an unresolved error that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return AnswerAfterError(config)


def answering(window: FactWindow) -> Sequence[Work]:
    """Scopes that did something and then answered."""
    return [work for work in scope_works(window) if work.actions and answers(work)]


class AnswerAfterError(OneStory):
    """Looks at the last action before the answer."""

    name = "answer_after_error"
    requires = ("tool", "llm_output")

    def __init__(self, config: Config) -> None:
        super().__init__(config.min_answers)

    def told(self, measure: Measure) -> Candidate:
        """One candidate when enough answers follow an unresolved error."""
        return Candidate(
            detector=self.name,
            category="unrecovered_error",
            owner="prompt",
            severity="medium",
            subject="",
            cause="answer right after an unresolved error",
            args={},
            title=f"{fraction(measure, 'answer')} follow a failed call that nothing made good",
            explanation=sentence(
                f"{rated(measure, 'answer')}, come right after a tool call that failed and never succeeded,",
                "and do not say so: whoever reads them cannot tell that something is missing.",
            ),
            fix=(
                "Prompt: after a failed call try another way, or say in the answer what could not be done; "
                "harness: mark a run whose last action failed."
            ),
            exemplars=(),
            quote_fields=("output",),
            confidence="medium",
            explains_failures=False,  # the call that failed explains them
            acceptance="answers right after an unresolved error < 2 % over ≥ 50 answers",
        )

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Answers after an unresolved error of all answers after an action; wasted are the failed calls too."""
        works = window.once(answering)
        failed = {work.last.ref: call for work in works if (call := _unresolved(window, work)) is not None}
        hit = [work.last for work in works if work.last.ref in failed]
        by_tool = split_by("failed_tool", hit, refs(hit), lambda span: failed[span.ref].tool)
        wasted = refs(hit) | with_issuers(window, failed.values())
        return measured([work.last for work in works], hit, wasted, WHO, own=by_tool)


def _unresolved(window: FactWindow, work: Work) -> SpanFact | None:
    """The failed call that is a work's last action, unless something succeeded since or the answer tells of it."""
    before = [action for action in work.actions if action.start_ns <= work.last.start_ns]
    if not before or not _HONEST.isdisjoint(work.last.phrases or ()):
        return None
    last = before[-1]
    if last.kind is not SpanKind.TOOL or last.ref not in window.once(failures):
        return None
    since = any(is_success(action) and action.end_ns > last.start_ns for action in work.actions)
    return None if since or last.ref not in window.once(unrecovered) else last
