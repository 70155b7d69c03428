"""Runs that end because they have taken all the steps, or all the time, they may.

Counts three signs. `declared`: scopes with more steps than their AGENT span declares as its maximum, or with just as
many and a last model call that still asks for a tool or comes after the last step; of all scopes that declare one.
Steps are the spans below the agent that model calls lie in, or the model calls themselves where there are none.
`error`: AGENT spans and roots that failed with an error that speaks of a step, turn, iteration or time limit; of all
AGENT spans and roots. `pile`: scopes of one service and agent that pile up at the greatest number of model calls and
stop there while asking for a tool (at least five scopes and five calls, three times as many as at either of the two
lengths before, and at most half of the scopes); of all scopes of the agent that declare no maximum.
Excluded: scopes that end with an answer in their last step, failed scopes (of piles), errors that merely pass on a
child's, incomplete traces.
Known false positives: declared limits that do not count planning or summarising calls, where no spans stand for
steps; a user's own time limit.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact, TraceFacts
from analysis.groups import refs
from analysis.phrases import fraction, plural, rated, sentence
from analysis.run_lengths import groups_of_lengths, lengths, pile_up
from analysis.splitting import measured
from domain.report import Scalar
from domain.spans import SpanKind, SpanStatus

_LIMIT = re.compile(
    r"max(?:imum)?[ _-]?(?:number of |allowed )?(?:steps|turns|iterations)|(?:step|turn|iteration|recursion)[ _-]?limit"
    r"|maxturns|maxsteps|graphrecursion|timed? ?out|timeout|deadline exceeded",
    re.IGNORECASE,
)
_RANKS: Mapping[str, int] = {"declared": 46, "error": 45, "pile": 44}
_TITLES: Mapping[str, str] = {
    "declared": "use up the steps that they may take",
    "error": "fail at a limit on steps or time",
    "pile": "stop unfinished after the same number of steps",
}
_SAID: Mapping[str, str] = {
    "declared": "take at least as many steps as they declare as their maximum, and are not done",
    "error": "fail with an error that speaks of a limit on steps or time",
    "pile": "stop in the middle of their work after exactly the greatest number of steps of any run",
}


class Config(DetectorConfig):
    """When run lengths make a pile."""

    min_steps: int = Field(5, ge=2, description="Fewest model calls of a scope at which a pile can lie.")
    min_scopes: int = Field(5, ge=2, description="Fewest scopes of one length that make a pile.")
    ratio: float = Field(3.0, gt=1, description="How many times as high as the two lengths before it a pile must be.")


def create(config: Config) -> Detector:
    """The detector."""
    return StepLimit(config)


class StepLimit(Detector):
    """Looks at how many steps runs take and what ends them."""

    name = "step_limit"
    requires = ()

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """A candidate for declared limits, one for errors, and one for each agent with a pile."""
        for kind in ("declared", "error"):
            yield from self._candidates(window, {"kind": kind})
        thresholds: dict[str, Scalar] = self._config.model_dump(exclude={"enabled"})
        for service, agent in window.once(groups_of_lengths):
            yield from self._candidates(window, {**thresholds, "kind": "pile", "service": service, "agent": agent})

    def _candidates(self, window: FactWindow, args: dict[str, Scalar]) -> Iterator[Candidate]:
        measure = self.measure(window, args)
        if measure.affected:
            yield _candidate(args, measure)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Runs that a limit ended, of all that could show the sign; wasted are the runs."""
        kind = str(args["kind"])
        if kind == "error":
            runs, ended = window.once(ended_runs), window.once(ended_by_limit)
            return measured(runs, ended, refs(ended), ("agent", "service", "version"))
        if kind == "declared":
            scopes = [each for each in window.once(lengths) if each.most is not None]
            over = [each for each in scopes if each.is_over]
        else:
            scopes = list(window.once(groups_of_lengths).get((str(args["service"]), str(args["agent"])), ()))
            least, ratio = int(str(args["min_steps"])), float(str(args["ratio"]))
            over = list(pile_up(scopes, least, int(str(args["min_scopes"])), ratio)) if scopes else []
        ended = [each.span for each in over]
        measure = measured([each.span for each in scopes], ended, refs(ended), ("agent", "service", "version"))
        return replace(measure, figures=(("most_steps", max((each.steps for each in over), default=0)),))


def ended_runs(window: FactWindow) -> Sequence[SpanFact]:
    """AGENT spans and roots that ended."""
    return [
        span
        for span in window.spans()
        if span.end_ns and (span.kind is SpanKind.AGENT or not span.parent_id) and span.kind is not SpanKind.LLM
    ]


def ended_by_limit(window: FactWindow) -> Sequence[SpanFact]:
    """Of them those whose own error speaks of a limit."""
    found: list[SpanFact] = []
    for trace in window.traces:
        hit = [span for span in trace.spans if _speaks_of_limit(span)]
        passed_on = _said_by_children(trace) if hit else frozenset()
        found += [span for span in hit if (span.span_id, span.error_template) not in passed_on]
    return found


def _speaks_of_limit(span: SpanFact) -> bool:
    if span.status is not SpanStatus.ERROR or not span.end_ns or span.kind is SpanKind.LLM:
        return False
    is_run = span.kind is SpanKind.AGENT or not span.parent_id
    return is_run and _LIMIT.search(f"{span.error_type} {span.error_template}") is not None


def _said_by_children(trace: TraceFacts) -> frozenset[tuple[str, str]]:
    failed = (span for span in trace.spans if span.status is SpanStatus.ERROR)
    return frozenset((span.parent_id, span.error_template) for span in failed)


def _candidate(args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    kind = str(args["kind"])
    steps = dict(measure.figures).get("most_steps")
    return Candidate(
        detector="step_limit",
        category="step_limit",
        owner="harness",
        severity="medium",
        subject=SpanKind.AGENT.name,
        cause=f"step limit: {kind}|{args.get('agent', '')}",
        args=args,
        title=f"{fraction(measure, 'run')} {_TITLES[kind]}",
        explanation=sentence(
            f"{rated(measure, 'run')}, {_SAID[kind]}.",
            f"The longest of them took {plural(int(str(steps)), 'step')}." if steps else "",
        ),
        fix=(
            "Harness: tell the model how many steps are left and let it answer with what it has at the last one; "
            "look at what the last steps repeat before the limit is raised."
        ),
        exemplars=(),
        quote_fields=("error", "name"),
        precedence=_RANKS[kind],
        service=str(args.get("service", "")),
        acceptance="runs that end at a limit < 2 % over ≥ 50 runs",
    )
