"""A model asks for a tool that was never declared to it.

Counts: leaf LLM spans that request a name which no LLM span of the same scope declares, and TOOL spans whose
error, or whose result, says the tool is unknown; of all leaf LLM spans that request any tool.
Excluded: requests that a TOOL span carried out successfully (tools declared elsewhere, such as deferred tool
search), and LLM spans of scopes that declare no tools, for which only the error text speaks; results of declared
tools, which may speak of other tools.
Known false positives: tools that a server adds in the middle of a scope and that then fail.
"""

from collections.abc import Iterable, Mapping, Sequence

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.error_classes import UNKNOWN_TOOL, classify
from analysis.facts import FactWindow, SpanFact
from analysis.failures import failed_calls
from analysis.groups import calls_by_issuer, refs, trace_count
from analysis.phrases import plural, rated, sentence
from analysis.requests import Request, carried_out, declared_tools, requests
from analysis.soft_failures import is_soft
from analysis.splitting import ORIGIN, Population, population, splits
from domain.report import Scalar
from domain.spans import SpanKind, SpanStatus


class Config(DetectorConfig):
    """Nothing to set but whether it looks."""


def create(config: Config) -> Detector:
    """The detector."""
    return HallucinatedTool()


def invented(window: FactWindow) -> Mapping[str, Sequence[SpanFact]]:
    """The spans that show each invented tool: LLM spans that asked for it, else TOOL spans told it is unknown."""
    found: dict[str, dict[str, SpanFact]] = {}
    for request in window.once(requests):
        if _is_invented(window, request):
            found.setdefault(request.call.tool, {})["/".join(request.span.ref)] = request.span
    for span in _told_unknown(window):
        known = found.setdefault(span.tool, {})
        if f"{span.trace_id}/{span.issuer_id}" not in known:
            known["/".join(span.ref)] = span
    return {tool: tuple(spans.values()) for tool, spans in found.items()}


def _told_unknown(window: FactWindow) -> Iterable[SpanFact]:
    """The TOOL spans whose error, or whose result, says that there is no such tool."""
    for failed in window.once(failed_calls).values():
        for failure in failed:
            if classify(failure.span.kind, failure.error_type, failure.template) is UNKNOWN_TOOL:
                yield failure.span
    declared = window.once(declared_tools)
    for call in window.tool_calls:
        if _is_softly_unknown(call) and call.tool not in declared.get((call.trace_id, call.scope_id), ()):
            yield call


def _is_softly_unknown(call: SpanFact) -> bool:
    return is_soft(call) and classify(call.kind, "", call.soft_error) is UNKNOWN_TOOL


def asking(window: FactWindow) -> Population:
    """The leaf LLM spans that ask for any tool."""
    spans = {request.span.ref: request.span for request in window.once(requests)}
    return population(tuple(spans.values()), ("model", *ORIGIN))


def _is_invented(window: FactWindow, request: Request) -> bool:
    if request.call.declared is not False:
        return False
    if request.call.tool in window.once(declared_tools).get((request.span.trace_id, request.span.scope_id), ()):
        return False
    carried = carried_out(window, request)
    return carried is None or carried.status is SpanStatus.ERROR or _is_softly_unknown(carried)


class HallucinatedTool(Detector):
    """Compares requested with declared tools."""

    name = "hallucinated_tool"
    requires = ("tool_calls",)

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each invented name."""
        for tool in window.once(invented):
            args: dict[str, Scalar] = {"tool": tool}
            measure = self.measure(window, args)
            name = tool or "(no name)"
            times = plural(len(measure.affected), "time")
            yield Candidate(
                detector=self.name,
                category="hallucinated_tool",
                owner="prompt",
                severity="high",
                subject=name,
                cause="undeclared tool",
                args=args,
                title=f"The model asked {times} for {name}, a tool that is not declared",
                explanation=sentence(
                    f"Of the answers that ask for a tool, {rated(measure, 'answer')}, ask for {name},",
                    "which no model call around them declares.",
                ),
                fix=f"{UNKNOWN_TOOL.fix} Search the prompts for {name}; remove the name, or declare the tool.",
                exemplars=(),
                quote_fields=("error", "tool_calls", "arguments"),
                precedence=110,
                acceptance=f"requests for {name} = 0 over ≥ 100 answers with tool calls",
            )

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Answers that ask for this name, of all answers that ask for a tool."""
        spans = window.once(invented).get(str(args["tool"]), ())
        affected = refs(spans)
        answers, issued = window.once(asking), window.once(calls_by_issuer)
        told = [span for span in spans if span.kind is not SpanKind.LLM]
        calls = [call for ref in affected for call in issued.get(ref, ()) if call.tool == args["tool"]]
        return Measure(
            affected,
            answers.size + len(told),
            answers.traces if answers.size else trace_count(told),
            affected | refs(calls),
            splits(answers, [span for span in spans if span.kind is SpanKind.LLM]),
        )
