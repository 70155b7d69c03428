"""The same few calls, or the same few agents, round and round.

Counts: within one scope, calls that repeat a round of two to six calls (tool and arguments) at least three times in a
row without a new outcome; of all calls of these tools with recorded arguments. The same of AGENT spans that one
scope starts one after the other (A, B, A, B, A, B by name), where none of them gets anything done; of all AGENT
spans of these names. All of a cycle are affected, wasted are all but its first round.
Excluded: rounds whose results change (polling, testing); equal calls in a row (repeated_calls sees those); agents
in whose scope a tool succeeded.
Known false positives: waiting for something that did not change in the meantime; polling whose results are not
recorded.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from analysis.cycles import cycles, rotated
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, SpanRef
from analysis.facts import FactWindow, SpanFact
from analysis.failures import failures
from analysis.groups import ScopeKey, calls_by_tool, spans_by_kind, tool_sequences, with_issuers
from analysis.model_calls import hands_over
from analysis.phrases import rated, sentence
from analysis.soft_failures import is_success
from analysis.splitting import measured
from domain.report import Scalar
from domain.spans import SpanKind

Rounds = Mapping[tuple[str, ...], Sequence["Looped"]]
"""Cycles by the names in a round."""
_LONGEST, _ROUNDS = 6, 3


class Config(DetectorConfig):
    """When cycles are worth a finding."""

    min_scopes: int = Field(1, ge=1, description="Fewest cycles of one round that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return CallCycles(config)


class Looped(NamedTuple):
    """The spans of a cycle, and how many of them make a round."""

    spans: Sequence[SpanFact]
    period: int


def looping_calls(window: FactWindow) -> Rounds:
    """The cycles of tool calls."""
    failed = window.once(failures)

    def outcome(call: SpanFact) -> str:
        return failed[call.ref].cause if call.ref in failed else call.result_hash

    def same(before: SpanFact, after: SpanFact) -> bool:
        if not before.arguments_hash or before.arguments_hash != after.arguments_hash or before.tool != after.tool:
            return False
        one, other = outcome(before), outcome(after)
        return one == other or not (one and other)

    found: dict[tuple[str, ...], list[Looped]] = defaultdict(list)
    for sequence in window.once(tool_sequences).values():
        for start, end, period in cycles(sequence, same, longest=_LONGEST, rounds=_ROUNDS):
            names = rotated([call.tool for call in sequence[start : start + period]])
            found[names].append(Looped(sequence[start:end], period))
    return found


def looping_agents(window: FactWindow) -> Rounds:
    """The cycles of agents that one scope starts."""
    found: dict[tuple[str, ...], list[Looped]] = defaultdict(list)
    idle = window.once(_idle_agents)

    def same(before: SpanFact, after: SpanFact) -> bool:
        return bool(after.agent) and before.agent == after.agent and before.ref in idle and after.ref in idle

    for sequence in window.once(_agent_sequences).values():
        for start, end, period in cycles(sequence, same, longest=_LONGEST, rounds=_ROUNDS):
            names = rotated([agent.agent for agent in sequence[start : start + period]])
            found[names].append(Looped(sequence[start:end], period))
    return found


def _agent_sequences(window: FactWindow) -> Mapping[ScopeKey, Sequence[SpanFact]]:
    """The AGENT spans that each scope starts, in order; a root agent is started by none."""
    found: dict[ScopeKey, list[SpanFact]] = defaultdict(list)
    for trace in window.traces:
        for span in trace.spans:
            if span.kind is SpanKind.AGENT and span.parent_id:
                caller = trace.by_id.get(span.parent_id)
                found[trace.trace_id, caller.scope_id if caller is not None else ""].append(span)
    return found


def _idle_agents(window: FactWindow) -> frozenset[SpanRef]:
    """The AGENT spans in whose scope no tool succeeded, other than handing over."""
    busy = {
        (call.trace_id, call.scope_id) for call in window.tool_calls if is_success(call) and not hands_over(call.tool)
    }
    agents = window.once(spans_by_kind).get(SpanKind.AGENT, ())
    return frozenset(agent.ref for agent in agents if agent.ref not in busy)


class CallCycles(Detector):
    """Looks for rounds in what agents do."""

    name = "call_cycles"
    requires = ()

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each round of tools or agents."""
        for of, rounds in (("calls", window.once(looping_calls)), ("agents", window.once(looping_agents))):
            for names, found in rounds.items():
                if len(found) >= self._config.min_scopes:
                    args: dict[str, Scalar] = {"of": of, "round": json.dumps(names, ensure_ascii=False)}
                    yield _candidate(names, args, self.measure(window, args))

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Spans in cycles of this round, of all spans of its tools or agents."""
        names = tuple(map(str, json.loads(str(args["round"]))))
        if args["of"] == "agents":
            found = window.once(looping_agents).get(names, ())
            of = [span for span in window.once(spans_by_kind).get(SpanKind.AGENT, ()) if span.agent in names]
        elif args["of"] == "calls":
            found, calls = window.once(looping_calls).get(names, ()), window.once(calls_by_tool)
            of = [call for tool in dict.fromkeys(names) for call in calls.get(tool, ()) if call.arguments_hash]
        else:
            raise ValueError(f"cycles are of calls or agents, not of {args['of']!r}")
        affected = {span.ref: span for each in found for span in each.spans}
        again = [span for each in found for span in each.spans[each.period :]]
        return measured(of, tuple(affected.values()), with_issuers(window, again))


def _candidate(names: Sequence[str], args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    path = " → ".join(names)
    are_calls = args["of"] == "calls"
    noun = "call" if are_calls else "agent run"
    what = "with the same arguments and outcomes" if are_calls else "and none of them gets anything done"
    return Candidate(
        detector="call_cycles",
        category="repetition",
        owner="harness",
        severity="medium",
        subject=names[0],
        cause=f"cycle of {args['of']}: {path}",
        args=args,
        title=f"{'The agent goes' if are_calls else 'Agents pass the work'} round and round: {path}",
        explanation=sentence(
            f"{rated(measure, noun)}, go through the round {path} at least {_ROUNDS} times in a row,",
            f"{what}.",
        ),
        fix=(
            "Harness: stop a run after the second equal round and tell the model what it already knows; "
            f"prompt: say what to do when {path} brings nothing new."
        ),
        exemplars=(),
        quote_fields=("arguments", "result", "error") if are_calls else ("name",),
        precedence=33,
        confidence="high" if are_calls else "medium",
        acceptance=f"{noun}s in cycles of {path} = 0 over ≥ 50 {noun}s",
    )
