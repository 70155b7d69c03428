"""What a model added to a report, as Markdown: its answer before everything, its findings, what it could not show.

Its words are no more trusted than those of a span; only numbers and quotes were checked.
"""

from domain.report import Inquiry, ModelFinding, Report
from rendering import figures
from rendering.escaping import code, fenced, inline
from rendering.taming import tamed

BY_MODEL = "by the model; counts and quotes were checked, the words are its own"
MOST_DROPPED = 20


def answer_sections(report: Report) -> list[str]:
    """The answer, what was asked, and the model's findings; nothing in a report without a model."""
    inquiry = report.inquiry
    if inquiry is None:
        return []
    incomplete = f"**Incomplete:** {inline(inquiry.incomplete)}." if inquiry.incomplete else ""
    asked = f"Asked: {inline(inquiry.question)}\n\nAnswered by {inline(worked(report))}.{_left_out(inquiry)}"
    sections = ["## Answer", incomplete, tamed(inquiry.answer_md), asked]
    if inquiry.findings:
        sections.append("## Findings of the model")
        for number, finding in enumerate(inquiry.findings, 1):
            sections += _finding(number, finding, report)
    return sections


def _left_out(inquiry: Inquiry) -> str:
    if not inquiry.left_out_traces:
        return ""
    traces = figures.count(inquiry.left_out_traces, "older trace")
    return f" {traces} ({figures.count(inquiry.left_out_spans, 'span')}) were counted and not shown to it."


def dropped_sections(report: Report) -> list[str]:
    """What a model said and could not show."""
    lines = report.inquiry.dropped if report.inquiry is not None else ()
    if not lines:
        return []
    more = [f"- and {len(lines) - MOST_DROPPED:,} more, in the JSON report"] if len(lines) > MOST_DROPPED else []
    return [
        "## What the model could not show",
        "\n".join([*(f"- {inline(line)}" for line in lines[:MOST_DROPPED]), *more]),
    ]


def worked(report: Report) -> str:
    """Which models answered, with how many agents and turns; empty in a report without a model."""
    inquiry = report.inquiry
    if inquiry is None:
        return ""
    models = ", ".join(inquiry.models) or "a model"
    return f"{models}: {figures.count(inquiry.agents, 'agent')}, {figures.count(inquiry.turns, 'turn')}"


def rests_on(finding: ModelFinding) -> str:
    """How many claims bear a model's finding."""
    return f"{figures.count(len(finding.claims), 'confirmed claim')} ({BY_MODEL})"


def explains(finding: ModelFinding, report: Report) -> str:
    """The title of the analysis's finding that a model's explains; empty when it explains none."""
    return next((each.title for each in report.findings if each.fingerprint == finding.about and finding.about), "")


def _finding(number: int, finding: ModelFinding, report: Report) -> list[str]:
    counts = finding.counts
    explained = explains(finding, report)
    traces = f", in {counts.affected_traces:,} of {figures.count(counts.traces, 'trace')}" if counts else ""
    owner = f"owner {finding.owner}" if finding.owner != "unknown" else "owner not known"
    facts = [
        *([f"- **How often:** {figures.rate(counts)}{traces}"] if counts else []),
        f"- **Severity:** {finding.severity}, confidence {finding.confidence}, {owner}",
        f"- **Rests on:** {rests_on(finding)}",
        *([f"- **Explains:** {inline(explained)}"] if explained else []),
    ]
    sections = [f"### M{number}. {inline(finding.title)}", tamed(finding.explanation), "\n".join(facts)]
    for item in finding.evidence:
        sections.append(f"Trace {code(item.shown_trace_id)}, span {code(item.shown_span_id)}, {code(item.field)}:")
        sections.append(fenced(item.quote))
    return [*sections, *(["**Fix**", tamed(finding.fix)] if finding.fix.strip() else [])]
