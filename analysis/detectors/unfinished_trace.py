"""Traces that never came to an end, and tool calls that were never answered.

Counts: traces without a root (of all traces), traces whose root never ended, spans whose parent never
arrived, and leaf LLM spans that asked for a call by id which no TOOL span and no later message answers (of
all that asked by id).
Excluded: missing roots of agents whose traces mostly have none (their root lies in a service that does not
export here), calls of services that never answer by id, and calls that hand over a final answer.
Known false positives: sampling, and spans lost on the way.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from analysis.completeness import Gap, structural_gaps, unanswered_requests
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, SpanRef
from analysis.facts import FactWindow, SpanFact
from analysis.groups import refs
from analysis.phrases import fraction, rated
from analysis.requests import Request, requests
from analysis.splitting import ORIGIN, measured
from domain.report import Scalar

_SAID: Mapping[str, tuple[str, str, str]] = {
    "no_root": ("trace", "have no root span", "the span that began the run never arrived"),
    "root_not_ended": ("trace", "have a root span that never ended", "the run was cut off or hangs"),
    "missing_parent": ("span", "have a parent that never arrived", "part of the run is invisible"),
    "unanswered_call": ("request", "were never answered", "the tool never returned, or its result was lost"),
}


class Config(DetectorConfig):
    """Nothing to set but whether it looks."""


def create(config: Config) -> Detector:
    """The detector."""
    return UnfinishedTrace()


class UnfinishedTrace(Detector):
    """Looks for what is missing in a trace."""

    name = "unfinished_trace"
    requires = ()

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """A candidate for each structural gap, and one for each tool whose calls go unanswered."""
        for gap in get_args(Gap):
            yield from self._candidates(window, {"gap": gap, "tool": ""})
        for tool in window.once(_left_open):
            yield from self._candidates(window, {"gap": "unanswered_call", "tool": tool})

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Spans that show the gap, of all that could."""
        gap, tool = str(args["gap"]), str(args["tool"])
        if gap == "unanswered_call":
            return _measure_unanswered(window, tool)
        found = next(spans for name, spans in window.once(structural_gaps).items() if name == gap)
        spans = tuple(window.spans()) if gap == "missing_parent" else _first_spans(window)
        return measured(spans, found, frozenset())

    def _candidates(self, window: FactWindow, args: Mapping[str, Scalar]) -> Iterable[Candidate]:
        measure = self.measure(window, args)
        if not measure.affected:
            return
        noun, said, meaning = _SAID[str(args["gap"])]
        tool = str(args["tool"])
        what = f"requests of {tool} were never answered" if tool else f"{noun}s {said}"
        yield Candidate(
            detector=self.name,
            category="unfinished",
            owner="harness" if args["gap"] != "missing_parent" else "environment",
            severity="low" if args["gap"] == "missing_parent" else "medium",
            subject=tool,
            cause=str(args["gap"]),
            args=args,
            title=f"{fraction(measure, noun)} of {tool} {said}" if tool else f"{fraction(measure, noun)} {said}",
            explanation=f"{rated(measure, noun)}: {what}; {meaning}.",
            fix=(
                "Harness: end every span in a finally clause, flush the exporter at shutdown, and give each tool "
                "call a time limit, so that a run that is cut off says so."
            ),
            exemplars=(),
            quote_fields=("tool_calls", "output", "name"),
            confidence="medium",
            acceptance=f"{what}: < 1 % over ≥ 100 {noun}s",
        )


def _first_spans(window: FactWindow) -> tuple[SpanFact, ...]:
    """One span a trace: its first root, else its first span."""
    return tuple(trace.roots[0] if trace.roots else trace.spans[0] for trace in window.traces if trace.spans)


def _measure_unanswered(window: FactWindow, tool: str) -> Measure:
    asked, lost = window.once(_asking).get(tool, ()), window.once(_left_open).get(tool, ())
    return measured(asked, lost, refs(lost), ("model", *ORIGIN))


def _asking(window: FactWindow) -> Mapping[str, Sequence[SpanFact]]:
    """By tool the LLM spans that asked for it by id."""
    return _spans_by_tool(request for request in window.once(requests) if request.call.call_id)


def _left_open(window: FactWindow) -> Mapping[str, Sequence[SpanFact]]:
    """By tool the LLM spans that were not answered."""
    return _spans_by_tool(window.once(unanswered_requests))


def _spans_by_tool(found: Iterable[Request]) -> Mapping[str, Sequence[SpanFact]]:
    by_tool: dict[str, dict[SpanRef, SpanFact]] = defaultdict(dict)
    for request in found:
        by_tool[request.call.tool][request.span.ref] = request.span
    return {tool: tuple(spans.values()) for tool, spans in by_tool.items()}
