"""A report as one HTML page that asks nobody for anything: no script, no font, no picture from elsewhere.

The page may be opened from a mail or a file share, so its policy allows its own style sheet and nothing else, by
hash. What a span wrote is escaped by the template and made visible before (`rendering.html_text`).
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from domain.report import Finding, FindingStatus, Report, Waterfall
from rendering import figures
from rendering.ages import standing
from rendering.brief import brief, is_open
from rendering.charts import heat_strip, interval_bar, spark, trend
from rendering.coverage import coverage_facts, coverage_line, spent
from rendering.html_text import finalised, narrative
from rendering.inquiry import explains, rests_on, worked
from rendering.markdown import CHANGES, TITLES_SHOWN
from rendering.waterfalls import milliseconds, waterfall

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Entry:
    """A finding at its place in the report, with the trace that shows it."""

    number: int
    finding: Finding
    is_open: bool
    waterfall: Waterfall | None
    shown_trace_id: str


@dataclass(frozen=True)
class Change:
    """What all findings of one status have in common since the last report."""

    status: FindingStatus
    label: str
    shown: tuple[Entry, ...]
    more: int


def page(report: Report) -> str:
    """The whole page; encode it as UTF-8."""
    entries = _entries(report)
    return _template().render(
        report=report,
        entries=entries,
        changes=_changes(entries),
        tiles=_tiles(report),
        spent=spent(report),
        style=_style(),
        policy=policy(),
    )


def policy() -> str:
    """The page's Content-Security-Policy: its own style sheet, and nothing else at all."""
    own = b64encode(sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{own}'; base-uri 'none'; form-action 'none'"


@cache
def _style() -> Markup:
    return Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - a file of this package


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=finalised,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(
        brief=brief,
        compact=_compact,
        count=figures.count,
        coverage_facts=coverage_facts,
        coverage_line=coverage_line,
        explains=explains,
        figure=figures.scalar,
        heat_strip=heat_strip,
        interval_bar=interval_bar,
        milliseconds=milliseconds,
        moment=figures.moment,
        narrative=narrative,
        number=_number,
        percent=figures.percent,
        rate=figures.rate,
        rests_on=rests_on,
        spark=spark,
        standing=standing,
        trend=trend,
        waste=figures.waste,
        waste_cell=figures.waste_cell,
        waterfall=waterfall,
        worked=worked,
    )
    return environment.get_template("report.html")


def _entries(report: Report) -> tuple[Entry, ...]:
    drawn = {each.fingerprint: each for each in report.waterfalls}
    return tuple(
        Entry(number, finding, is_open(finding), drawn.get(finding.fingerprint), _trace_shown(finding))
        for number, finding in enumerate(report.findings, 1)
    )


def _trace_shown(finding: Finding) -> str:
    return finding.evidence[0].shown_trace_id if finding.evidence else ""


def _changes(entries: tuple[Entry, ...]) -> tuple[Change, ...]:
    found = []
    for status, label in CHANGES:
        own = tuple(entry for entry in entries if entry.finding.status == status)
        if own:
            found.append(Change(status, label, own[:TITLES_SHOWN], max(len(own) - TITLES_SHOWN, 0)))
    return tuple(found)


def _tiles(report: Report) -> tuple[tuple[str, str, str], ...]:
    """The numbers that a reader looks for first: name, value, and what it is to be seen against."""
    coverage = report.coverage
    due = [finding for finding in report.findings if is_open(finding)]
    graver = sum(finding.severity in ("critical", "high") for finding in due)
    tokens = coverage.input_tokens + coverage.output_tokens
    return (
        ("Open findings", _number(len(due)), f"{graver:,} critical or high" if graver else ""),
        ("Traces", _number(coverage.traces), f"{coverage.spans:,} spans"),
        ("Failing", _number(coverage.failing_traces), _share(coverage.failing_traces, coverage.traces)),
        ("Explained", _number(coverage.explained_failing_traces), f"of {coverage.failing_traces:,} failing"),
        ("Leaf errors", _number(coverage.leaf_errors), ""),
        ("Tokens", figures.short(tokens), ""),
    )


def _share(part: int, whole: int) -> str:
    return figures.percent(part / whole) if whole else ""


def _number(value: int) -> str:
    return f"{value:,}"


def _compact(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False)
