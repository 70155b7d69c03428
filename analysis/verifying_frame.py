"""The part of verification that reads what stands around the findings: whose report it is, and what it notes.

A report made without a model spent no tokens, so numbers there are invented.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from analysis.notes import notes_of
from analysis.verifying_values import differences
from domain.report import Report, Spend


def frame_lines(report: Report, meta: Mapping[str, str], noted: Sequence[str], left_out: int) -> Iterator[str]:
    """Mismatches between a report and its bundle's `meta`, as far as that says whose it is.

    `noted` and `left_out`: what is noted of detectors, and how many findings were too many.
    """
    try:
        yield from _identity_lines(report, meta)
        if (report.mode == "analysis" or report.inquiry is not None) and "unreadable_traces" in meta:
            yield from differences("notes", _notes(meta, noted, left_out), report.notes)
    except ValueError as error:
        yield f"evidence.meta: {error}"
    if report.mode == "analysis":
        yield from differences("spend", Spend(seconds=report.spend.seconds), report.spend)


def _identity_lines(report: Report, meta: Mapping[str, str]) -> Iterator[str]:
    agent, window = report.agent, report.window
    found: dict[str, tuple[str, object]] = {
        "run_id": ("run_id", report.run_id),
        "report_id": ("report_id", report.report_id),
        "mode": ("mode", report.mode),
        "agent_uuid": ("agent.uuid", agent.uuid),
        "agent_name": ("agent.name", agent.name),
        "agent_service": ("agent.service", agent.service),
        "window_start": ("window.start", window.start),
        "window_end": ("window.end", window.end),
        "generated_at": ("generated_at", report.generated_at),
        "previous_report_id": ("previous_report_id", report.previous_report_id),
    }
    for key, (path, value) in found.items():
        if key in meta:
            told = datetime.fromisoformat(meta[key]) if isinstance(value, datetime) else meta[key]
            yield from differences(path, told, value)


def _notes(meta: Mapping[str, str], noted: Sequence[str], left_out: int) -> tuple[str, ...]:
    return notes_of(
        noted,
        left_out,
        excluded=int(meta["excluded_traces"]),
        unreadable=int(meta["unreadable_traces"]),
        dropped=int(meta["dropped_spans"]),
    )
