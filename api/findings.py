"""The register of findings: each failure of each agent over all its reports, and what was decided about it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.asking import Answer, Asked, Doors, RequestError, not_found
from api.objects import Object, plain_model
from api.paging import MAX_LIMIT, Page, listed
from api.runs import known_agent_uuid
from domain.component import ComponentConfig
from domain.findings import REASON_MAX_CHARS, FindingFilter, KnownFinding
from domain.report import FindingMark, FindingStatus, Severity

_TOLD = ("fingerprint", "title", "detector", "category", "owner", "severity", "confidence", "counts", "bound")
_KNOWN = (
    "id",
    "status",
    "first_seen",
    "last_seen",
    "reports",
    "reopened",
    "resolved_at",
    "mark",
    "mark_reason",
    "marked_at",
    "first_report_id",
    "last_report_id",
)


class FindingQuery(Page):
    """Which findings: `open` leaves out what is resolved or muted, `mark=none` takes those without a mark."""

    agent: str | None = None
    status: FindingStatus | None = None
    severity: Severity | None = None
    mark: Literal["muted", "acknowledged", "none"] | None = None
    open: bool = False
    limit: int = Field(default=200, ge=1, le=MAX_LIMIT)


class MarkBody(ComponentConfig):
    """Why a finding is muted or acknowledged; whoever reads the report sees it."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=REASON_MAX_CHARS)]


class UnmarkBody(ComponentConfig):
    """Nothing needs to be said to take a mark back."""


def list_findings(doors: Doors, asked: Asked) -> Answer:
    """Findings by severity, resolved ones after the others, muted ones last."""
    query = asked.options(FindingQuery)
    agent_uuid = known_agent_uuid(doors, query.agent)
    mark: FindingMark | None = "" if query.mark == "none" else query.mark
    return listed(
        query,
        lambda limit, offset: doors.control.findings(
            FindingFilter(agent_uuid, query.status, query.severity, mark, query.open, limit, offset)
        ),
        finding_object,
    )


def get_finding(doors: Doors, asked: Asked) -> Answer:
    """One finding as its last report told it, with its last quote and its rate in every report that is kept."""
    return Answer(whole_finding(_find(doors, asked)))


def mute_finding(doors: Doors, asked: Asked) -> Answer:
    """Reports tell it last from now on, and nobody is alarmed, until it is unmuted."""
    return _marked(doors, asked, "muted", asked.content(MarkBody).reason)


def acknowledge_finding(doors: Doors, asked: Asked) -> Answer:
    """Reports tell the reason with it, until it becomes worse or comes back after it was resolved."""
    return _marked(doors, asked, "acknowledged", asked.content(MarkBody).reason)


def unmute_finding(doors: Doors, asked: Asked) -> Answer:
    """Take a mark back, whichever it is; 409 when there is none."""
    asked.content(UnmarkBody)
    if not _find(doors, asked).mark:
        raise RequestError(409, f"finding {asked.place['id']} is neither muted nor acknowledged")
    return _marked(doors, asked, "", "")


def _marked(doors: Doors, asked: Asked, mark: FindingMark, reason: str) -> Answer:
    marked = doors.control.mark_finding(_find(doors, asked).id, mark, reason)
    if marked is None:
        raise not_found("finding", asked.place["id"])
    return Answer(whole_finding(marked))


def _find(doors: Doors, asked: Asked) -> KnownFinding:
    wanted = asked.place["id"]
    found = doors.control.finding(wanted)
    if found is None:
        raise not_found("finding", wanted)
    return found


def finding_object(known: KnownFinding) -> Object:
    """An entry of the register as lists show it; `report_id` is the last report that tells it."""
    entry = known.model_dump(mode="json", include={*_KNOWN, "agent"})
    told = known.finding.model_dump(mode="json", include=set(_TOLD))
    return {
        "id": entry["id"],
        **{name: told[name] for name in _TOLD},
        **{name: entry[name] for name in _KNOWN},
        "agent": entry["agent"],
        "report_id": known.last_report_id,
    }


def whole_finding(known: KnownFinding) -> Object:
    """An entry with everything that is known: the finding as last told, the last quote, the history oldest first."""
    whole = plain_model(known)
    return {
        **finding_object(known),
        "exemplar": whole["exemplar"],
        "exemplar_report_id": whole["exemplar_report_id"],
        "finding": whole["finding"],
        "history": whole["history"],
    }
