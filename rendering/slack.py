"""A report as a Slack message: Block Kit blocks and the plain fallback text.

Limits from https://docs.slack.dev/reference/block-kit/blocks: 50 blocks a message, 150 characters a header,
3,000 a section. Slack also refuses messages whose blocks together pass about 13,000 characters, so the
whole message stays below `MESSAGE_MAX_CHARS`. Text from spans is escaped, `verbatim` keeps Slack from looking
for names in it, and a joiner after each @ keeps even a careless reader of the fallback text from a mention.
"""

import re
from typing import Any

from domain.report import Finding, Report
from rendering import figures
from rendering.escaping import one_line, visible

MAX_BLOCKS = 50
HEADER_MAX_CHARS = 150
SECTION_MAX_CHARS = 3_000
MESSAGE_MAX_CHARS = 12_000
FINDINGS_SHOWN = 8
_TITLE_MAX_CHARS = 250
_QUOTE_MAX_CHARS = 300
_TEXT_MAX_CHARS = 500
_ANSWER_MAX_CHARS = 900
_MODEL_FINDINGS_SHOWN = 3
_JOINER = "\u2060"
_MARKDOWN = re.compile(r"(?m)^\s*#{1,6}\s+|\*\*|`+")
_MARKUP = re.compile(r"(?<!\w)[*_~`]|[*_~`](?!\w)|`|@")

Block = dict[str, Any]


def blocks(report: Report) -> dict[str, Any]:
    """The body of a Slack message: `text`, the fallback for notifications, and `blocks`."""
    made: list[Block] = [_header(report), _context(_about(report)), _context(_coverage(report)), *_answer(report)]
    made.append({"type": "divider"})
    size = sum(map(_size, made))
    shown = 0
    heard = [finding for finding in report.findings if finding.mark != "muted"]
    for number, finding in enumerate(heard[:FINDINGS_SHOWN], 1):
        new = [_section(_finding(number, finding)), _context(_source(finding))]
        size += sum(map(_size, new))
        if size > MESSAGE_MAX_CHARS or len(made) + len(new) >= MAX_BLOCKS:
            break
        made += new
        shown = number
    left_out, muted = len(heard) - shown, len(report.findings) - len(heard)
    if left_out:
        made.append(_context(f"{figures.count(left_out, 'more finding')} in the full report."))
    if muted:
        made.append(_context(f"{figures.count(muted, 'muted finding')} in the full report."))
    if not report.findings:
        made.append(_section("No systemic failure was found in this window."))
    return {"text": _cut(mrkdwn(report.headline), SECTION_MAX_CHARS), "blocks": made}


def mrkdwn(text: str) -> str:
    """Text that Slack's mrkdwn shows as it is: no mention, link, emphasis or code starts in it."""
    escaped = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(lambda match: match[0] + _JOINER if match[0] == "@" else _JOINER + match[0] + _JOINER, escaped)


def _cut(escaped: str, limit: int) -> str:
    """At most `limit` characters, never ending inside an entity."""
    return escaped if len(escaped) <= limit else re.sub(r"&\w*$", "", escaped[: limit - 1]) + "…"


def _short(text: str, limit: int) -> str:
    line = one_line(text)
    return mrkdwn(line if len(line) <= limit else line[: limit - 1] + "…")


def _header(report: Report) -> Block:
    line = one_line(report.headline)
    text = line if len(line) <= HEADER_MAX_CHARS else line[: HEADER_MAX_CHARS - 1] + "…"
    return {"type": "header", "text": {"type": "plain_text", "text": text or "HALO report", "emoji": False}}


def _section(text: str) -> Block:
    return {
        "type": "section",
        "text": {"type": "mrkdwn", "text": _cut(text, SECTION_MAX_CHARS), "verbatim": True},
    }


def _context(text: str) -> Block:
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": _cut(text, SECTION_MAX_CHARS), "verbatim": True}],
    }


def _size(block: Block) -> int:
    texts = [block["text"]] if "text" in block else block.get("elements", [])
    return sum(len(each["text"]) for each in texts)


def _about(report: Report) -> str:
    window = f"{figures.moment(report.window.start)} to {figures.moment(report.window.end)}"
    return f"*{_short(report.agent.name, _TITLE_MAX_CHARS)}*  ·  {window}"


def _coverage(report: Report) -> str:
    coverage = report.coverage
    return (
        f"{figures.count(coverage.traces, 'trace')}, {figures.count(coverage.spans, 'span')}, "
        f"{figures.count(coverage.leaf_errors, 'leaf error')}  ·  "
        f"{figures.count(len(report.findings), 'finding')}  ·  run {mrkdwn(report.run_id)}"
    )


def _answer(report: Report) -> list[Block]:
    """What a model answered, cut, and the titles of its findings."""
    inquiry = report.inquiry
    if inquiry is None:
        return []
    incomplete = f"*Incomplete:* {_short(inquiry.incomplete, _TITLE_MAX_CHARS)}\n" if inquiry.incomplete else ""
    lines = [f"{incomplete}*Answer:* {_short(_MARKDOWN.sub('', inquiry.answer_md), _ANSWER_MAX_CHARS)}"]
    for number, finding in enumerate(inquiry.findings[:_MODEL_FINDINGS_SHOWN], 1):
        often = f"  ({figures.rate(finding.counts)})" if finding.counts is not None else ""
        lines.append(f"*M{number}. {_short(finding.title, _TITLE_MAX_CHARS)}*{often}")
    said = (
        f"By the model; {report.claims.confirmed:,} claims of this report confirmed, {len(inquiry.dropped):,} dropped."
    )
    return [_section("\n".join(lines)), _context(said)]


def _finding(number: int, finding: Finding) -> str:
    counts = finding.counts
    lines = [
        f"*{number}. {_short(finding.title, _TITLE_MAX_CHARS)}*  ({finding.severity}, {_standing(finding)})",
        f"{figures.rate(counts)}, in {counts.affected_traces:,} of {figures.count(counts.traces, 'trace')}",
    ]
    if finding.waste.tokens or finding.waste.seconds:
        lines.append(f"Wastes {figures.waste(finding.waste)}")
    if finding.fix:
        lines.append(f"*Fix:* {_short(finding.fix, _TEXT_MAX_CHARS)}")
    if finding.evidence:
        lines.append(f"&gt; {_short(finding.evidence[0].quote, _QUOTE_MAX_CHARS)}")
    return "\n".join(lines)


def _standing(finding: Finding) -> str:
    return f"{finding.status}; {finding.mark}: {_short(finding.mark_reason, 200)}" if finding.mark else finding.status


def _source(finding: Finding) -> str:
    if not finding.evidence:
        return f"detector {mrkdwn(finding.detector)}"
    example = finding.evidence[0]
    return (
        f"e.g. trace {_short(example.shown_trace_id, 64)} span {_short(example.shown_span_id, 32)}"
        f"  ·  detector {mrkdwn(finding.detector)}"
    )
