"""The second half of a Markdown report: how much was looked at, by agent, what could not be seen, what it cost."""

from domain.report import Coverage, Report
from rendering import figures
from rendering.escaping import cell_code, code, inline
from rendering.inquiry import dropped_sections

_OUTCOME_SOURCES = {
    "evaluation": "evaluations",
    "feedback": "users' feedback",
    "root_status": "the status of root spans",
    "structural": "the structure of traces (nothing states their outcome)",
}


def coverage_sections(report: Report) -> list[str]:
    """Coverage, agents, not observable, notes, claims and spend, each only when there is something to say."""
    return [
        "## Coverage",
        inline(coverage_line(report)),
        "\n".join(f"- **{name}:** {inline(value)}" for name, value in coverage_facts(report)),
        *_unexplained(report.coverage),
        *_agents(report),
        *_not_observable(report.coverage),
        *dropped_sections(report),
        *_notes(report),
        "## Spend",
        f"{spent(report)} Run {code(report.run_id)}.",
    ]


def coverage_line(report: Report) -> str:
    """In one sentence what was seen, left out, failing and explained."""
    coverage = report.coverage
    failing = f"{coverage.failing_traces:,} failing"
    if coverage.failing_traces:
        share = coverage.explained_failing_traces / coverage.failing_traces
        failing += (
            f", of which {coverage.explained_failing_traces:,} ({figures.percent(share)}) are explained by at least "
            "one finding"
        )
    return f"{figures.count(coverage.traces, 'trace')} seen, {coverage.excluded_traces:,} excluded, {failing}."


def coverage_facts(report: Report) -> list[tuple[str, str]]:
    """What else says how much was looked at: name and value, as plain text."""
    coverage = report.coverage
    rows = [
        ("Read", f"{figures.count(coverage.traces, 'trace')} with {figures.count(coverage.spans, 'span')}"),
        ("Outcomes", f"by {outcome_sources(coverage)}; stated for {_of(coverage.stated_outcomes, coverage.traces)}"),
        ("Errors", f"{figures.count(coverage.error_spans, 'span')}, {coverage.leaf_errors:,} of them leaf errors "
        "(no error below them)"),
        ("Tokens", f"{coverage.input_tokens:,} in and {coverage.output_tokens:,} out, on leaf LLM spans"),
        ("Tests", _tests(coverage)),
    ]  # fmt: skip
    if coverage.excluded_traces:
        rows.append(("Left out", f"{figures.count(coverage.excluded_traces, 'trace')} that had not completed"))
    if coverage.dropped_spans:
        rows.append(("Lost", f"{figures.count(coverage.dropped_spans, 'span')} that retention dropped before this run"))
    claims = report.claims
    if claims.confirmed or claims.wrong or claims.not_found or claims.not_checkable:
        rows.append((
            "Claims",
            f"{claims.confirmed:,} confirmed, {claims.wrong:,} wrong, {claims.not_found:,} not found, "
            f"{claims.not_checkable:,} not checkable",
        ))  # fmt: skip
    return rows


def outcome_sources(coverage: Coverage) -> str:
    """What says that a trace failed, most trusted first."""
    return ", ".join(_OUTCOME_SOURCES.get(each, each) for each in coverage.outcome_source.split("+"))


def _of(part: int, traces: int) -> str:
    return f"{part:,} of {figures.count(traces, 'trace')}"


def _tests(coverage: Coverage) -> str:
    made = f"{figures.count(coverage.tests_run, 'comparison')} made"
    if coverage.p_threshold is None:
        return made
    return f"{made}; what rests on significance stands at p ≤ {coverage.p_threshold:.3g} (false discovery rate 5 %)"


def _unexplained(coverage: Coverage) -> list[str]:
    if not coverage.unexplained:
        return []
    listed = ", ".join(code(trace_id) for trace_id in coverage.unexplained)
    return [f"Failing, and touched by no finding; read some of them by hand (`halo trace get ID`): {listed}"]


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


def spent(report: Report) -> str:
    """What the report cost, in a sentence or two."""
    spend = report.spend
    if report.mode == "analysis":
        how = "No model was used."
    else:
        usd = f", {spend.usd:.2f} USD" if spend.usd is not None else ""
        how = (
            f"{figures.count(spend.requests, 'model request')}, {figures.count(spend.input_tokens, 'input token')}, "
            f"{figures.count(spend.output_tokens, 'output token')}{usd}."
        )
    return f"{how} {figures.duration(spend.seconds)} from start to report."
