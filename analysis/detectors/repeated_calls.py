"""The same call, or nearly the same, again and again, with the same outcome.

Counts: within one scope, calls of a tool with equal arguments and an equal outcome (the same result, or the
same error text): three or more of them, or two with no other call between. All calls of such a group are
affected, of all calls of the tool with recorded arguments; wasted are all but the first of each group.
Told for themselves: three or more calls whose arguments are nearly the same (at least 90 % similar, with the same
numbers) and whose outcome is equal, at least two of them different; of results only those of tools that are asked for
an answer, as their name says, or because half of at least three different questions have answers of their own. Their
severity is low: trying in other words is often right, and only its extent says more.
Excluded: polling and paging, whose result changes; tools that only wait; calls whose arguments or outcome are not
recorded; nearly equal orders to tools that answer everything alike (mails sent, lists saved).
Known false positives: polling something that did not change in the meantime.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, SpanRef
from analysis.facts import FactWindow, SpanFact
from analysis.failures import failures
from analysis.groups import calls_by_tool, refs, tool_sequences, with_issuers
from analysis.phrases import fraction, rated, sentence
from analysis.questions import asked_tools, is_waiting
from analysis.splitting import measured, split_by
from domain.report import Scalar

Group = list[tuple[int, SpanFact]]
"""Equal calls of one scope with their places in the scope's sequence of calls."""


class Config(DetectorConfig):
    """When a repetition is worth a finding."""

    min_repeats: int = Field(3, ge=2, description="Equal calls in one scope that count although others lie between.")


def create(config: Config) -> Detector:
    """The detector."""
    return RepeatedCalls(config)


def equal_calls(window: FactWindow) -> Mapping[str, Sequence[Group]]:
    """By tool the groups of at least two calls of one scope with equal arguments and outcome."""
    return _grouped(window, lambda call: call.arguments_hash)


def near_calls(window: FactWindow) -> Mapping[str, Sequence[Group]]:
    """The same with nearly equal arguments that are not all equal, of tools that are asked for an answer."""
    failed, asked = window.once(failures), window.once(asked_tools)
    found: dict[str, list[Group]] = {}
    for tool, groups in _grouped(window, lambda call: call.arguments_like).items():
        for group in groups:
            calls = [call for _, call in group]
            if (tool in asked or calls[0].ref in failed) and len({call.arguments_hash for call in calls}) > 1:
                found.setdefault(tool, []).append(group)
    return found


def _grouped(window: FactWindow, question: Callable[[SpanFact], str]) -> Mapping[str, Sequence[Group]]:
    failed = window.once(failures)
    found: dict[str, list[Group]] = defaultdict(list)
    for sequence in window.once(tool_sequences).values():
        groups: dict[tuple[str, str, str], Group] = defaultdict(list)
        for place, call in enumerate(sequence):
            outcome = failed[call.ref].cause if call.ref in failed else call.result_hash
            if question(call) and outcome:
                groups[call.tool, question(call), outcome].append((place, call))
        for (tool, _, _), group in groups.items():
            if len(group) > 1:
                found[tool].append(group)
    return found


class RepeatedCalls(Detector):
    """Looks for equal calls within a scope."""

    name = "repeated_calls"
    requires = ("tool", "tool_arguments")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each tool with a repetition, and one for each that is asked nearly the same."""
        for tool in window.once(equal_calls):
            args: dict[str, Scalar] = {"tool": tool, "min_repeats": self._config.min_repeats}
            measure = self.measure(window, args)
            if measure.affected and not is_waiting(tool):
                yield _candidate(tool, args, measure)
        for tool in window.once(near_calls):
            args = {"tool": tool, "min_repeats": self._config.min_repeats, "near": True}
            measure = self.measure(window, args)
            if measure.affected and not is_waiting(tool):
                yield _near_candidate(tool, args, measure)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Repeated calls of all calls of the tool with recorded arguments."""
        tool, least = str(args["tool"]), int(str(args["min_repeats"]))
        if args.get("near", False):
            large = (group for group in window.once(near_calls).get(tool, ()) if len(group) >= least)
            repeated: list[Sequence[SpanFact]] = [[call for _, call in group] for group in large]
        else:
            repeated = [_repeats(group, least) for group in window.once(equal_calls).get(tool, ())]
        calls = tuple(call for call in window.once(calls_by_tool).get(tool, ()) if call.arguments_hash)
        hit = [call for group in repeated for call in group]
        again = [call for group in repeated for call in group[1:]]
        times: dict[SpanRef, str] = {call.ref: str(len(group)) for group in repeated for call in group}
        by_times = split_by("repeats", hit, refs(hit), lambda call: times[call.ref])
        return measured(calls, hit, with_issuers(window, again), own=by_times)


def _repeats(group: Group, least: int) -> Sequence[SpanFact]:
    """The calls of a group that count: all of a large one, of a small one those that follow each other."""
    if len(group) >= least:
        return [call for _, call in group]
    pairs = pairwise(group)
    neighbours = {place for (one, _), (two, _) in pairs if two == one + 1 for place in (one, two)}
    return [call for place, call in group if place in neighbours]


def _candidate(tool: str, args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    return Candidate(
        detector="repeated_calls",
        category="repetition",
        owner="harness",
        severity="medium",
        subject=tool,
        cause="equal calls with equal outcome",
        args=args,
        title=f"{tool} is called again and again with the same arguments and outcome: {fraction(measure, 'call')}",
        explanation=sentence(
            f"{rated(measure, 'call')}, of {tool} are part of a repetition with equal arguments and an equal outcome.",
            "Nothing new can come of them.",
        ),
        fix=(
            f"Harness: keep the last results of {tool} per run and answer an equal call with the kept result and a "
            "note that it was already asked; prompt: state what to do when a result does not help."
        ),
        exemplars=(),
        quote_fields=("arguments", "result", "error"),
        precedence=30,
        acceptance=f"repeated calls of {tool} < 2 % over ≥ 50 calls",
    )


def _near_candidate(tool: str, args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    return Candidate(
        detector="repeated_calls",
        category="repetition",
        owner="prompt",
        severity="low",
        subject=tool,
        cause="nearly equal calls with equal outcome",
        args=args,
        title=f"{tool} is asked nearly the same again and again, to the same end: {fraction(measure, 'call')}",
        explanation=sentence(
            f"{rated(measure, 'call')}, of {tool} ask what another call of the run has asked in nearly the same words,",
            "and get the same outcome.",
        ),
        fix=(
            f"Prompt: say when to give up on {tool} and what to try instead of other words; tool: answer an empty "
            "result with a hint how to widen the search."
        ),
        exemplars=(),
        quote_fields=("arguments", "result", "error"),
        precedence=29,
        confidence="medium",
        acceptance=f"nearly equal calls of {tool} < 2 % over ≥ 50 calls",
    )
