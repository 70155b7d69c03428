"""What is wrong, in one sentence, and in a few; both say only what the findings say."""

from collections.abc import Sequence

from analysis.phrases import listed, plural
from domain.report import Coverage, Finding

_MOST_TOLD = 3


def open_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Findings that something is to be done about, in the report's order; of muted ones nobody is to be told."""
    return [
        finding
        for finding in findings
        if finding.severity != "info" and finding.status != "resolved" and finding.mark != "muted"
    ]


def headline(coverage: Coverage, findings: Sequence[Finding]) -> str:
    """One sentence that says what is wrong."""
    if not coverage.traces:
        return "No traces in this window, so nothing can be said."
    present = open_findings(findings)
    if not present:
        seen = f"{plural(coverage.traces, 'trace')} ({plural(coverage.spans, 'span')})"
        return f"Nothing systemic was found in {seen}."
    first, more = present[0], len(present) - 1
    touched = f", in {first.counts.affected_traces} of {plural(coverage.traces, 'trace')}"
    rest = f"; {plural(more, 'more finding')}" if more else ""
    return f"{first.title}{touched}{rest}."


def narrative(coverage: Coverage, findings: Sequence[Finding]) -> str:
    """A short account in Markdown; for numbers it refers to findings by their place in the report."""
    present = open_findings(findings)
    if not present:
        return "Nothing in this window calls for a change of the agent."
    parts = ["What to do first, by impact:\n"]
    parts += [_told(at, finding) for at, finding in enumerate(findings, 1) if finding in present[:_MOST_TOLD]]
    heard = [(str(at), finding.status) for at, finding in enumerate(findings, 1) if finding.mark != "muted"]
    worse = [at for at, status in heard if status in ("worse", "reopened")]
    gone = [at for at, status in heard if status == "resolved"]
    if worse:
        parts.append(f"\nWorse than in the last report: {_numbered(worse)}.")
    if gone:
        parts.append(f"\nResolved since the last report: {_numbered(gone)}.")
    if coverage.failing_traces > coverage.explained_failing_traces:
        parts.append("\nSome failing traces are touched by no finding: read a few of them by hand.")
    return "\n".join(parts)


def _numbered(places: Sequence[str]) -> str:
    return f"finding {places[0]}" if len(places) == 1 else f"findings {listed(places, len(places))}"


def _told(at: int, finding: Finding) -> str:
    return f"- **Finding {at}** ({finding.severity}, owner: {finding.owner}): {finding.fix}"
