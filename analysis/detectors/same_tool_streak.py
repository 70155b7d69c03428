"""The same tool many times in a row, with other arguments and nothing new.

Counts: within one scope, five or more calls of one tool with no other tool between, with at least two
different arguments, whose outcomes are all failures, or all results that are nearly the same (at least 90 % similar
to the first) and at least half of them the very same as another. All calls of the streak are affected, of all calls
of the tool; wasted are all but the first.
Excluded: streaks with differing results (batch work, paging, progress), equal calls (repeated_calls sees those), and
the results of tools that are not asked for an answer (a batch of mails, each "sent").
Known false positives: a batch of checks that all find nothing, as they should.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.failures import failures
from analysis.groups import calls_by_tool, tool_sequences, with_issuers
from analysis.phrases import plural, rated, sentence
from analysis.questions import asked_tools
from analysis.splitting import measured
from domain.report import Scalar


class Config(DetectorConfig):
    """When a streak is worth a finding."""

    min_calls: int = Field(5, ge=2, description="Fewest calls in a row that make a streak.")


def create(config: Config) -> Detector:
    """The detector."""
    return SameToolStreak(config)


Runs = Mapping[str, Sequence[Sequence[SpanFact]]]
"""By tool its runs of consecutive calls within a scope."""


def runs_of_one_tool(window: FactWindow) -> Runs:
    """The runs that brought nothing new: failures alone, or one result."""
    return _runs(window, lambda run: _all_failed(window, run) or _one_result(run))


def failing_runs(window: FactWindow) -> Runs:
    """The runs of failures alone."""
    return _runs(window, lambda run: _all_failed(window, run))


def similar_runs(window: FactWindow) -> Runs:
    """The runs of failures alone, or of results that are nearly the same and mostly the very same."""
    return _runs(window, lambda run: _all_failed(window, run) or _one_result(run) or _similar_results(run))


_KINDS: Mapping[str, Callable[[FactWindow], Runs]] = {
    "equal": runs_of_one_tool,
    "failures": failing_runs,
    "similar": similar_runs,
}


def _runs(window: FactWindow, brings_nothing: Callable[[Sequence[SpanFact]], bool]) -> Runs:
    found: dict[str, list[Sequence[SpanFact]]] = {}
    for sequence in window.once(tool_sequences).values():
        for tool, calls in groupby(sequence, key=lambda call: call.tool):
            run = tuple(calls)
            if len(run) > 1 and len({call.arguments_hash for call in run}) > 1 and brings_nothing(run):
                found.setdefault(tool, []).append(run)
    return found


def _all_failed(window: FactWindow, run: Sequence[SpanFact]) -> bool:
    failed = window.once(failures)
    return all(call.ref in failed for call in run)


def _one_result(run: Sequence[SpanFact]) -> bool:
    return bool(run[0].result_hash) and len({call.result_hash for call in run}) == 1


def _similar_results(run: Sequence[SpanFact]) -> bool:
    results = Counter(call.result_hash for call in run)
    if "" in results or len({call.result_like for call in run}) > 1 or not run[0].result_like:
        return False
    return 2 * sum(count for count in results.values() if count > 1) >= len(run)


class SameToolStreak(Detector):
    """Looks for long runs of one tool within a scope."""

    name = "same_tool_streak"
    requires = ("tool", "tool_arguments")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each tool with a streak."""
        asked = window.once(asked_tools)
        for tool in window.once(similar_runs):
            least: dict[str, Scalar] = {"tool": tool, "min_calls": self._config.min_calls}
            equal = least if tool in asked else least | {"of": "failures"}
            counted = self.measure(window, equal)
            wider = self.measure(window, least | {"of": "similar"}) if tool in asked else counted
            if len(wider.affected) > len(counted.affected):
                yield _candidate(tool, least | {"of": "similar"}, wider)
            elif counted.affected:
                yield _candidate(tool, equal, counted)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Calls in streaks of all calls of the tool; `of` says what outcomes the streaks have: equal, unless told."""
        tool, least = str(args["tool"]), int(str(args["min_calls"]))
        kind = _KINDS[str(args.get("of", "equal"))]
        streaks = [run for run in window.once(kind).get(tool, ()) if len(run) >= least]
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
            "arguments whose outcomes are all failures or all (nearly) the same.",
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
