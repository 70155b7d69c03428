"""The same tool many times in a row, with other arguments and nothing new.

Counts: within one scope, five or more calls of one tool with no other tool between, with at least two
different arguments, whose outcomes are all failures or all one result. All calls of the streak are affected,
of all calls of the tool; wasted are all but the first.
Excluded: streaks with differing results (batch work, paging), and equal calls (repeated_calls sees those).
Known false positives: a batch whose every answer is the same, e.g. "ok".
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.failures import failures
from analysis.groups import calls_by_tool, tool_sequences, with_issuers
from analysis.phrases import plural, rated, sentence
from analysis.splitting import measured
from domain.report import Scalar


class Config(DetectorConfig):
    """When a streak is worth a finding."""

    min_calls: int = Field(5, ge=2, description="Fewest calls in a row that make a streak.")


def create(config: Config) -> Detector:
    """The detector."""
    return SameToolStreak(config)


def runs_of_one_tool(window: FactWindow) -> Mapping[str, Sequence[Sequence[SpanFact]]]:
    """By tool its runs of consecutive calls within a scope that brought nothing new."""
    found: dict[str, list[Sequence[SpanFact]]] = {}
    for sequence in window.once(tool_sequences).values():
        for tool, calls in groupby(sequence, key=lambda call: call.tool):
            run = tuple(calls)
            if len(run) > 1 and _brings_nothing(window, run):
                found.setdefault(tool, []).append(run)
    return found


def _brings_nothing(window: FactWindow, run: Sequence[SpanFact]) -> bool:
    failed = window.once(failures)
    if len({call.arguments_hash for call in run}) < 2:
        return False
    if all(call.ref in failed for call in run):
        return True
    results = {call.result_hash for call in run}
    return len(results) == 1 and "" not in results


class SameToolStreak(Detector):
    """Looks for long runs of one tool within a scope."""

    name = "same_tool_streak"
    requires = ("tool", "tool_arguments")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each tool with a streak."""
        for tool in window.once(runs_of_one_tool):
            args: dict[str, Scalar] = {"tool": tool, "min_calls": self._config.min_calls}
            measure = self.measure(window, args)
            if measure.affected:
                yield _candidate(tool, args, measure)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Calls in streaks of all calls of the tool."""
        tool, least = str(args["tool"]), int(str(args["min_calls"]))
        streaks = [run for run in window.once(runs_of_one_tool).get(tool, ()) if len(run) >= least]
        calls = window.once(calls_by_tool).get(tool, ())
        again = [call for run in streaks for call in run[1:]]
        return measured(calls, [call for run in streaks for call in run], with_issuers(window, again))


def _candidate(tool: str, args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    return Candidate(
        detector="same_tool_streak",
        category="repetition",
        owner="prompt",
        severity="medium",
        subject=tool,
        cause="streak without new information",
        args=args,
        title=f"{tool} is tried over and over without anything new: {plural(len(measure.affected), 'call')} in streaks",
        explanation=sentence(
            f"{rated(measure, 'call')}, of {tool} lie in streaks of {args['min_calls']} or more in a row with changing",
            "arguments whose outcomes are all failures or all the same.",
        ),
        fix=(
            f"Prompt: say when to give up on {tool} and what to try instead; harness: after three fruitless calls "
            "in a row add a message that names the alternatives."
        ),
        exemplars=(),
        quote_fields=("arguments", "result", "error"),
        precedence=20,
        confidence="medium",
        acceptance=f"calls of {tool} in streaks of ≥ {args['min_calls']} < 2 % over ≥ 50 calls",
    )
