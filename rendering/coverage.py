"""The second half of a Markdown report: how much was looked at, by agent, what could not be seen, what it cost."""

from domain.report import Coverage, Report
from rendering import figures
from rendering.escaping import cell_code, code, inline

_OUTCOME_SOURCES = {
    "root_status": "the status of root spans",
    "structural": "the structure of traces (no root span carries a status)",
}


def coverage_sections(report: Report) -> list[str]:
    """Coverage, agents, not observable, notes, claims and spend, each only when there is something to say."""
    return [
        "## Coverage",
        _coverage(report.coverage),
        *_agents(report),
        *_not_observable(report.coverage),
        *_notes(report),
        *_claims(report),
        "## Spend",
        _spend(report),
    ]


def _coverage(coverage: Coverage) -> str:
    source = _OUTCOME_SOURCES.get(coverage.outcome_source, inline(coverage.outcome_source))
    lines = [
        f"- Read: {figures.count(coverage.traces, 'trace')} with {figures.count(coverage.spans, 'span')}; "
        f"{figures.count(coverage.tests_run, 'test')} run.",
        f"- Failing: {figures.count(coverage.failing_traces, 'trace')} by {source}; "
        f"the findings explain {coverage.explained_failing_traces:,}.",
        f"- Errors: {figures.count(coverage.error_spans, 'span')}, of which {coverage.leaf_errors:,} are leaf errors "
        "(no error below them).",
        f"- Tokens: {coverage.input_tokens:,} in and {coverage.output_tokens:,} out, on leaf LLM spans.",
    ]
    if coverage.excluded_traces:
        lines.append(f"- Left out: {figures.count(coverage.excluded_traces, 'trace')} that had not completed.")
    if coverage.dropped_spans:
        lines.append(f"- Lost: {figures.count(coverage.dropped_spans, 'span')} that retention dropped before this run.")
    return "\n".join(lines)


def _agents(report: Report) -> list[str]:
    if not report.agents:
        return []
    rows = [
        "| Agent | Service | Traces | Spans | Leaf errors | Input tokens | Output tokens | Findings |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for each in report.agents:
        rows.append(
            f"| {cell_code(each.agent.name)} | {cell_code(each.agent.service)} | {each.traces:,} | {each.spans:,} "
            f"| {each.leaf_errors:,} | {each.input_tokens:,} | {each.output_tokens:,} | {each.findings:,} |"
        )
    return ["## Agents", "\n".join(rows)]


def _not_observable(coverage: Coverage) -> list[str]:
    if not coverage.not_observable:
        return []
    rows = ["| Detector | Record these attributes to let it look |", "|---|---|"]
    for gap in coverage.not_observable:
        fields = ", ".join(cell_code(field) for field in gap.missing_fields) or "–"
        rows.append(f"| {cell_code(gap.detector)} | {fields} |")
    return ["## What could not be observed", "\n".join(rows)]


def _notes(report: Report) -> list[str]:
    return ["## Notes", "\n".join(f"- {inline(note)}" for note in report.notes)] if report.notes else []


def _claims(report: Report) -> list[str]:
    claims = report.claims
    if not (claims.confirmed or claims.wrong or claims.not_found or claims.not_checkable):
        return []
    return [
        "## Claims",
        f"{claims.confirmed:,} confirmed, {claims.wrong:,} wrong, {claims.not_found:,} not found, "
        f"{claims.not_checkable:,} not checkable.",
    ]


def _spend(report: Report) -> str:
    spend = report.spend
    if report.mode == "analysis":
        how = "No model was used."
    else:
        usd = f", {spend.usd:.2f} USD" if spend.usd is not None else ""
        how = (
            f"{figures.count(spend.requests, 'model request')}, {figures.count(spend.input_tokens, 'input token')}, "
            f"{figures.count(spend.output_tokens, 'output token')}{usd}."
        )
    return f"{how} {figures.duration(spend.seconds)} from start to report. Run {code(report.run_id)}."
