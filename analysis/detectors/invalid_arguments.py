"""Tool calls whose arguments do not fit the declared schema.

Counts, for each tool and outcome: calls with arguments that the schema does not allow (undeclared keys count
as such unless the schema allows them), of all calls of that tool with recorded arguments. Invalid and failed
is a finding; invalid but accepted is a matter of hygiene (severity info); requests that no TOOL span carries
out are a finding of their own, since what became of them is not recorded.
Excluded: tools whose schema is not recorded.
Known false positives: lenient tools that coerce types.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.error_classes import BAD_ARGUMENTS
from analysis.facts import FactWindow, SpanFact
from analysis.failures import failures
from analysis.groups import calls_by_tool, refs, with_issuers
from analysis.phrases import fraction, listed, rated, sentence
from analysis.requests import Request, carried_out, requests
from analysis.splitting import ORIGIN, contrast, measured, split_by
from domain.report import Owner, Scalar, Severity


class Config(DetectorConfig):
    """Nothing to set but whether it looks."""


def create(config: Config) -> Detector:
    """The detector."""
    return InvalidArguments()


class Called(NamedTuple):
    """Calls of one tool with one outcome: those that could show the problem, and what each shows."""

    spans: Sequence[SpanFact]
    problems: Mapping[tuple[str, str], str]


def called(window: FactWindow) -> Mapping[tuple[str, str], Called]:
    """Calls with recorded arguments by tool and outcome, where at least one shows a problem."""
    found: dict[tuple[str, str], Called] = {}
    failed = window.once(failures)
    for tool, calls in window.once(calls_by_tool).items():
        spans = tuple(call for call in calls if call.argument_keys or call.arguments_problem)
        bad = {span.ref: span.arguments_problem for span in spans if span.arguments_problem}
        for outcome, is_failed in (("failed", True), ("accepted", False)):
            problems = {ref: problem for ref, problem in bad.items() if (ref in failed) is is_failed}
            if problems:
                found[tool, outcome] = Called(spans, problems)
    found.update(_untraced(window))
    return found


def _untraced(window: FactWindow) -> Mapping[tuple[str, str], Called]:
    by_tool: dict[str, list[Request]] = defaultdict(list)
    for request in window.once(requests):
        if carried_out(window, request) is None:
            by_tool[request.call.tool].append(request)
    found: dict[tuple[str, str], Called] = {}
    for tool, own in by_tool.items():
        problems = {request.span.ref: request.call.problem for request in own if request.call.problem}
        if problems:
            found[tool, "unknown"] = Called(tuple({each.span.ref: each.span for each in own}.values()), problems)
    return found


class InvalidArguments(Detector):
    """Compares arguments with declared schemas."""

    name = "invalid_arguments"
    requires = ("tool_schemas",)

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each tool and outcome."""
        for (tool, outcome), seen in window.once(called).items():
            args: dict[str, Scalar] = {"tool": tool, "outcome": outcome}
            yield _candidate(tool, outcome, seen, args, self.measure(window, args))

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Invalid calls with this outcome, of all calls of the tool with recorded arguments."""
        tool, outcome = str(args["tool"]), str(args["outcome"])
        seen = window.once(called).get((tool, outcome))
        if seen is None:
            spans = tuple(call for call in window.once(calls_by_tool).get(tool, ()) if call.argument_keys)
            return measured(spans, (), frozenset())
        bad = [span for span in seen.spans if span.ref in seen.problems]
        by_problem = split_by("problem", bad, refs(bad), lambda span: seen.problems[span.ref])
        wasted = frozenset[tuple[str, str]]() if outcome == "accepted" else with_issuers(window, bad)
        return measured(seen.spans, bad, wasted, ("argument_keys", *ORIGIN), by_problem)


_SAID: Mapping[str, tuple[str, Severity, Owner]] = {
    "failed": ("is called with arguments that its schema does not allow, and fails,", "high", "tool"),
    "accepted": ("accepts arguments that its schema does not allow", "info", "tool"),
    "unknown": ("is asked for with arguments that its schema does not allow", "medium", "prompt"),
}


def _candidate(tool: str, outcome: str, seen: Called, args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    said, severity, owner = _SAID[outcome]
    problems = sorted(set(seen.problems.values()))
    return Candidate(
        detector="invalid_arguments",
        category="invalid_arguments",
        owner=owner,
        severity=severity,
        subject=tool,
        cause=f"arguments do not fit the schema ({outcome})",
        args=args,
        title=f"{tool} {said.rstrip(',')} in {fraction(measure, 'call')}",
        explanation=sentence(
            f"{tool} {said} in {rated(measure, 'call')}.",
            f"The problems: {listed(problems)}.",
            contrast(measure.splits) if outcome == "failed" else "",
        ),
        fix=BAD_ARGUMENTS.fix,
        exemplars=(),
        quote_fields=("arguments", "tool_calls", "error"),
        explains_failures=outcome != "accepted",
        precedence=0 if outcome == "accepted" else 80,
        acceptance=f"calls of {tool} with invalid arguments < 1 % over ≥ 50 calls",
    )
