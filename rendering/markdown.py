"""A report as Markdown: what a person reads first, and what is pasted into a coding agent.

The order is the reader's: what is wrong, what changed, what to do first, each failure with its numbers, proof
and fix, and only then how much was looked at and what could not be seen.
"""

from domain.report import Finding, FindingStatus, Report
from rendering import figures
from rendering.ages import standing
from rendering.brief import brief
from rendering.coverage import coverage_sections
from rendering.escaping import cell_code, code, fenced, inline, paragraphs
from rendering.inquiry import answer_sections
from rendering.taming import tamed

CHANGES: tuple[tuple[FindingStatus, str], ...] = (
    ("new", "New"),
    ("reopened", "Back again"),
    ("worse", "Worse"),
    ("better", "Better"),
    ("resolved", "Resolved"),
    ("persisting", "Unchanged"),
)
SPLITS_SHOWN = 12
TITLES_SHOWN = 5
PAST_SHOWN = 6


def render(report: Report) -> str:
    """The whole report; every text of it appears as text, whatever it contains."""
    sections = [
        f"# {inline(report.headline)}",
        _about(report),
        *answer_sections(report),
        *_changes(report),
        *_narrative(report),
        *_findings(report),
        *coverage_sections(report),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _about(report: Report) -> str:
    agent = report.agent
    service = f" (service {code(agent.service)})" if agent.service and agent.service != agent.name else ""
    uuid = f", {code(agent.uuid)}" if agent.uuid else ""
    window = f"{figures.moment(report.window.start)} to {figures.moment(report.window.end)}"
    looked = f"{figures.count(report.coverage.traces, 'trace')}, {figures.count(report.coverage.spans, 'span')}"
    return "\n".join(
        (
            f"- **Agent:** {code(agent.name)}{service}{uuid}",
            f"- **Window:** {window}; {looked}",
            f"- **Report:** {code(report.report_id)} of run {code(report.run_id)}, "
            f"made {figures.moment(report.generated_at)}",
        )
    )


def _changes(report: Report) -> list[str]:
    """One line for each kind of change since the agent's last report."""
    findings = report.findings
    lines = []
    for status, label in CHANGES:
        titles = [inline(finding.title) for finding in findings if finding.status == status]
        more = f"; and {len(titles) - TITLES_SHOWN} more" if len(titles) > TITLES_SHOWN else ""
        if len(titles) == len(findings) > 1 and status in ("new", "persisting"):
            lines.append(f"- **{label}:** all {len(titles)} findings")
        elif titles:
            lines.append(f"- **{label} ({len(titles)}):** {'; '.join(titles[:TITLES_SHOWN])}{more}")
    since = f"Compared with report {code(report.previous_report_id)}." if report.previous_report_id else ""
    return ["## What changed", since, "\n".join(lines)] if lines else []


def _narrative(report: Report) -> list[str]:
    return ["## In short", tamed(report.narrative_md)] if report.narrative_md.strip() else []


def _findings(report: Report) -> list[str]:
    if not report.findings:
        return ["## Findings", "No systemic failure was found in this window."]
    sections = ["## Findings", _overview(report.findings)] if len(report.findings) > 1 else ["## Findings"]
    for number, finding in enumerate(report.findings, 1):
        sections += _finding(number, finding, report)
    return sections


def _overview(findings: tuple[Finding, ...]) -> str:
    rows = ["| # | Severity | Failure | Rate | Traces | Wastes |", "|--:|---|---|--:|--:|---|"]
    for number, finding in enumerate(findings, 1):
        counts = finding.counts
        rows.append(
            f"| {number} | {finding.severity} | {inline(finding.title)} "
            f"| {counts.affected_spans:,} of {counts.opportunities:,} "
            f"| {counts.affected_traces:,} of {counts.traces:,} | {figures.waste_cell(finding.waste)} |"
        )
    return "\n".join(rows)


def _finding(number: int, finding: Finding, report: Report) -> list[str]:
    counts = finding.counts
    owner = f"owner {finding.owner}" if finding.owner != "unknown" else "owner not known"
    facts = [
        f"- **How often:** {figures.rate(counts)}, "
        f"in {counts.affected_traces:,} of {figures.count(counts.traces, 'trace')}",
        f"- **Wastes:** {figures.waste(finding.waste)}",
        f"- **Severity:** {finding.severity}, confidence {finding.confidence}, {owner}, "
        f"{inline(standing(finding, report.generated_at))}",
        f"- **Seen:** {figures.moment(finding.first_seen)} to {figures.moment(finding.last_seen)}",
        *_more_numbers(finding),
        f"- **Finding:** {code(finding.id)} by detector {code(finding.detector)} "
        f"({inline(finding.category)}), fingerprint {code(finding.fingerprint)}",
    ]
    return [
        f"### {number}. {inline(finding.title)}",
        paragraphs(finding.explanation),
        "\n".join(facts),
        *_splits(finding),
        *_exemplars(finding),
        *_to_do(finding, report),
    ]


def _more_numbers(finding: Finding) -> list[str]:
    """What else its query computes, and what earlier reports said."""
    told = [
        f"{inline(name.replace('_', ' '))} {inline(figures.scalar(value))}" for name, value in finding.figures.items()
    ]
    before = [f"{past.affected:,} of {past.opportunities:,}" for past in finding.history[-PAST_SHOWN:]]
    return [
        *([f"- **Figures:** {'; '.join(told)}"] if told else []),
        *([f"- **In earlier reports:** {', '.join(before)} (the latest last)"] if before else []),
    ]


def _to_do(finding: Finding, report: Report) -> list[str]:
    """What to paste where; nothing for a finding that this window does not show any more."""
    if not finding.counts.affected_spans:
        return []
    accepted = f"**Accepted when:** {inline(finding.acceptance_query)}" if finding.acceptance_query else ""
    return ["**Fix brief** (paste into a coding agent)", fenced(brief(finding, report.agent)), accepted]


def _splits(finding: Finding) -> list[str]:
    if not finding.splits:
        return []
    rows = ["| By | Value | Affected | Of | Rate |", "|---|---|--:|--:|--:|"]
    for split in finding.splits[:SPLITS_SHOWN]:
        share = figures.percent(split.affected / split.opportunities) if split.opportunities else "–"
        what = f"{inline(split.by)} | {cell_code(split.value)}"
        rows.append(f"| {what} | {split.affected:,} | {split.opportunities:,} | {share} |")
    left_out = len(finding.splits) - SPLITS_SHOWN
    return ["\n".join(rows), f"{figures.count(left_out, 'more row')} in the JSON report." if left_out > 0 else ""]


def _exemplars(finding: Finding) -> list[str]:
    if not finding.evidence:
        return []
    sections = ["**Recorded examples**"]
    for item in finding.evidence:
        sections.append(f"Trace {code(item.shown_trace_id)}, span {code(item.shown_span_id)}, {code(item.field)}:")
        sections.append(fenced(item.quote))
    return sections
