"""Runs that end well and hand nothing over.

Counts: runs (the root of a trace, or its first AGENT span) that ended without an error, record no output, and whose
last model call asks for a tool instead of answering; of all runs that ended without an error and whose last model
call says what it answered.
Excluded: runs whose last call hands over its answer by a tool (`final_answer`, `submit`, a transfer to another
agent), runs whose last model call or tool call failed (then that is what went wrong), incomplete traces, and empty
texts (empty_output sees those).
Known false positives: runs that stop until a person approves a call, or whose last tool shows its result to the user.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, SpanRef
from analysis.facts import FactWindow, SpanFact
from analysis.groups import refs
from analysis.model_calls import outermost
from analysis.phrases import fraction, rated, sentence
from analysis.run_lengths import is_still_working
from analysis.splitting import measured
from domain.report import Scalar
from domain.spans import SpanStatus

_SHOWN = 6


class Config(DetectorConfig):
    """When runs without an answer are worth a finding."""

    min_runs: int = Field(2, ge=1, description="Fewest runs without an answer that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return MissingAnswer(config)


class Ending(NamedTuple):
    """A run and its last model call."""

    run: SpanFact
    last: SpanFact


def endings(window: FactWindow) -> Sequence[Ending]:
    """Complete runs without an error, with their last model call where that tells what it answered."""
    complete = {trace.trace_id for trace in window.traces if trace.complete}
    last: dict[str, SpanFact] = {}
    for span in window.llm_calls:
        known = last.get(span.trace_id)
        if known is None or span.start_ns >= known.start_ns:
            last[span.trace_id] = span
    runs = (run for run in outermost(window) if run.trace_id in complete and run.end_ns)
    broken = _broken(window)
    return [
        Ending(run, last[run.trace_id])
        for run in runs
        if run.trace_id in last and run.trace_id not in broken and _tells(run, last[run.trace_id])
    ]


def _broken(window: FactWindow) -> frozenset[str]:
    """Traces whose last tool call failed."""
    last: dict[str, SpanFact] = {}
    for call in window.tool_calls:
        known = last.get(call.trace_id)
        if known is None or call.start_ns >= known.start_ns:
            last[call.trace_id] = call
    return frozenset(trace_id for trace_id, call in last.items() if call.status is SpanStatus.ERROR or call.soft_error)


def _tells(run: SpanFact, last: SpanFact) -> bool:
    if SpanStatus.ERROR in (run.status, last.status):
        return False
    return last.output_chars is not None or bool(last.requested)


class MissingAnswer(Detector):
    """Looks at how runs end."""

    name = "missing_answer"
    requires = ()
    requires_any = ("llm_output", "agent_output")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate when enough runs hand nothing over."""
        measure = self.measure(window, {})
        if len(measure.affected) >= self._config.min_runs:
            yield Candidate(
                detector=self.name,
                category="missing_answer",
                owner="harness",
                severity="medium",
                subject="",
                cause="no final answer",
                args={},
                title=f"{fraction(measure, 'run')} end without an answer",
                explanation=sentence(
                    f"{rated(measure, 'run')}, end without an error and without an answer:",
                    "no output is recorded, and the last thing that the model said asks for a tool.",
                ),
                fix=(
                    "Harness: after the last tool result ask the model once more for its answer, and end a run "
                    "without an answer as failed."
                ),
                exemplars=_last_said(window),
                quote_fields=("tool_calls", "finish", "name"),
                confidence="medium",
                acceptance="runs without an answer < 1 % over ≥ 100 runs",
            )

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Runs without an answer of all runs that ended well; wasted are the runs."""
        ended = window.once(endings)
        silent = [each.run for each in ended if _is_silent(each)]
        return measured([each.run for each in ended], silent, refs(silent), ("agent", "service", "version"))


def _is_silent(ending: Ending) -> bool:
    return not ending.run.output_chars and is_still_working(ending.last)


def _last_said(window: FactWindow) -> tuple[SpanRef, ...]:
    """The last model calls of the most recent runs without an answer."""
    silent = [ending.last for ending in window.once(endings) if _is_silent(ending)]
    return tuple(span.ref for span in sorted(silent, key=lambda span: (-span.start_ns, span.ref))[:_SHOWN])
