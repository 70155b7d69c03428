"""What is known without a model: the findings of the analysis, where an inquiry starts."""

from typing import Any, Literal

from pydantic import Field

from domain.report import SEVERITIES, Finding
from engine.querying.bounding import bounded, cut
from engine.querying.memory import room_of
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, ToolError, Work

_QUOTE_CHARS, _SPLITS, _EXEMPLARS = 400, 8, 5


class Config(ToolConfig):
    """Limits of what is shown, and of the analysis, which is made at the first call."""

    timeout_s: float = Field(default=600.0, gt=0, description="Longest the analysis may take.")


class Input(Arguments):
    """Which findings."""

    id: str | None = Field(default=None, max_length=100, description="One finding, by id or fingerprint.")
    min_severity: Literal["critical", "high", "medium", "low", "info"] = "info"
    limit: int = Field(default=20, ge=1, le=200)
    offset: int = Field(default=0, ge=0)


class GetFindings(ConfiguredTool[Config]):
    """Tells findings."""

    name = "get_findings"
    description = (
        "Findings that deterministic detectors made of all traces, by impact: title, severity, counts with a 95 % "
        "interval of the rate, splits, waste, explanation, and exact quotes with their ids. They are hypotheses with "
        "numbers that are right: explain them, find their cause, look for what they miss. Each has a named query "
        "(name, args, expect) that a claim can cite. Also says what could not be observed, and failing traces that no "
        "finding explains."
    )
    arguments = Input

    async def answer(self, given: Input, work: Work) -> dict[str, Any]:
        """The findings of a page, and what was looked at."""
        report = (await work.window.analysed()).built.report
        worst = SEVERITIES[: SEVERITIES.index(given.min_severity) + 1]
        found = [each for each in report.findings if each.severity in worst]
        if given.id is not None:
            found = [each for each in report.findings if each.id == given.id or each.fingerprint == given.id]
            if not found:
                raise ToolError(f"there is no finding {given.id[:80]!r}; call get_findings without id")
        page = found[given.offset : given.offset + given.limit]
        values = {
            "headline": report.headline,
            "coverage": report.coverage.model_dump(mode="json"),
            "findings": [_told(each) for each in page],
            "total": len(found),
        }
        kept = bounded(values, "findings", room_of(self.config), "ask for the next ones with offset, or one by its id")
        for each in page[: len(kept["findings"])]:
            _show(each, work)
        work.shown.traces.update(report.coverage.unexplained)
        return kept


def _told(finding: Finding) -> dict[str, Any]:
    """A finding as a model needs it."""
    keys = {"id", "fingerprint", "detector", "category", "title", "owner", "severity", "confidence", "status"}
    keys |= {"counts", "waste", "queries", "explanation", "fix", "figures"}
    told = finding.model_dump(mode="json", include=keys)
    told["splits"] = [each.model_dump(mode="json") for each in finding.splits[:_SPLITS]]
    told["exemplars"] = [
        {
            "trace_id": each.shown_trace_id,
            "span_id": each.shown_span_id,
            "field": each.field,
            "quote": cut(each.quote, _QUOTE_CHARS),
        }
        for each in finding.evidence[:_EXEMPLARS]
    ]
    return told


def _show(finding: Finding, work: Work) -> None:
    for each in finding.evidence[:_EXEMPLARS]:
        traces, spans = {each.trace_id, each.shown_trace_id}, {each.span_id, each.shown_span_id}
        work.shown.traces |= traces
        work.shown.spans |= {(trace, span) for trace in traces for span in spans}


def create(config: Config) -> GetFindings:
    """The tool."""
    return GetFindings(config)
