"""What is known of a finding over all reports of an agent: the entry that the register keeps of it."""

from dataclasses import dataclass
from datetime import datetime

from domain.report import AgentRef, Counts, Evidence, Finding, FindingMark, FindingStatus, PastRate, Severity
from domain.runs import ControlModel

HISTORY_TOLD = 12
"""So many earlier rates a report tells of a finding; the register keeps more."""
REASON_MAX_CHARS = 500


class KnownFinding(ControlModel):
    """One failure of one agent, over all its reports.

    `finding` is how the last report told it, `seen` its counts in the last report that saw it, `exemplar` the last
    quote. `history` is oldest first, and as long as whoever asked for it wanted it.
    """

    id: str
    agent: AgentRef
    finding: Finding
    status: FindingStatus
    first_seen: datetime
    last_seen: datetime
    seen: Counts
    first_report_id: str
    last_report_id: str
    told_at: datetime
    window_end: datetime
    reports: int  # those that saw it
    reopened: int = 0
    resolved_at: datetime | None = None
    mark: FindingMark = ""
    mark_reason: str = ""
    marked_at: datetime | None = None
    exemplar: Evidence | None = None
    exemplar_report_id: str = ""
    history: tuple[PastRate, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which entries of the register a list shows; `only_open` leaves out resolved and muted ones."""

    agent_uuid: str | None = None
    status: FindingStatus | None = None
    severity: Severity | None = None
    mark: FindingMark | None = None
    only_open: bool = False
    limit: int = 50
    offset: int = 0
