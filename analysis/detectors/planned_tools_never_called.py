"""A plan names tools, and none of them is ever called.

Counts: leaf LLM spans with a numbered plan that names declared tools, after whose start no span of the same
trace calls or asks for any of them; of all such plans, by agent.
Excluded: plans of which at least one tool is called, traces that have not completed, and names that may be
agents (never seen as a tool in the window) when a nested agent ran after the plan.
Known false positives: plans that were replaced before anything was to be called.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact, TraceFacts
from analysis.groups import calls_by_tool, refs
from analysis.phrases import fraction, rated, sentence
from analysis.splitting import ORIGIN, measured
from domain.report import Scalar
from domain.spans import SpanKind


class Config(DetectorConfig):
    """Nothing to set but whether it looks."""


def create(config: Config) -> Detector:
    """The detector."""
    return PlannedToolsNeverCalled()


def plans(window: FactWindow) -> Mapping[str, Sequence[tuple[SpanFact, bool]]]:
    """By agent the plans of completed traces, and whether nothing of each was ever called."""
    tools = frozenset(window.once(calls_by_tool))
    found: dict[str, list[tuple[SpanFact, bool]]] = defaultdict(list)
    for trace in window.traces:
        if trace.complete and any(span.plan_tools for span in trace.spans):
            last_use = _last_uses(trace)
            for span in trace.spans:
                if span.plan_tools and span.leaf_llm:
                    found[span.agent].append((span, not _is_followed(span, last_use, tools)))
    return found


def _last_uses(trace: TraceFacts) -> Mapping[str, int]:
    """When each tool or agent of a trace was last called or asked for; nested agents under "" as well."""
    last: dict[str, int] = {}
    for span in trace.spans:
        names = [call.tool for call in span.requested]
        if span.kind is SpanKind.TOOL:
            names.append(span.tool or span.name)
        elif span.kind is SpanKind.AGENT and span.parent_id:
            names += ["", span.agent, span.name]
        for name in names:
            last[name] = max(last.get(name, -1), span.start_ns)
    return last


def _is_followed(plan: SpanFact, last_use: Mapping[str, int], tools: frozenset[str]) -> bool:
    if any(last_use.get(name, -1) >= plan.start_ns for name in plan.plan_tools):
        return True
    may_be_agents = any(name not in tools for name in plan.plan_tools)
    return may_be_agents and last_use.get("", -1) >= plan.start_ns


class PlannedToolsNeverCalled(Detector):
    """Compares plans with what follows them."""

    name = "planned_tools_never_called"
    requires = ("llm_output", "tool_schemas")

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each agent with an unfollowed plan."""
        for agent in window.once(plans):
            args: dict[str, Scalar] = {"agent": agent}
            measure = self.measure(window, args)
            if measure.affected:
                yield _candidate(agent, args, measure)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Unfollowed plans of all plans of an agent."""
        found = window.once(plans).get(str(args["agent"]), ())
        spans = [span for span, _ in found]
        idle = [span for span, is_unfollowed in found if is_unfollowed]
        return measured(spans, idle, refs(idle), ("model", *ORIGIN))


def _candidate(agent: str, args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    whose = f" of {agent}" if agent else ""
    return Candidate(
        detector="planned_tools_never_called",
        category="goal_deviation",
        owner="prompt",
        severity="medium",
        subject=agent,
        cause="no planned tool is called",
        args=args,
        title=f"None of the planned tools is ever called after {fraction(measure, 'plan')}{whose}",
        explanation=sentence(
            f"After {rated(measure, 'plan')}, nothing that the plan names is called before the run ends:",
            "the agent answers without the work it announced.",
        ),
        fix=(
            "Prompt: require that an answer rests on tool results; harness: when a plan names tools and none has "
            "run, send the plan back instead of accepting a final answer."
        ),
        exemplars=(),
        quote_fields=("output",),
        confidence="medium",
        acceptance="plans of which no tool is called < 10 % over ≥ 30 plans",
    )
