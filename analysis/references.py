"""References: what stands in a model's sentence in the place of a number, and what is put there instead.

The text is made from what the checker found and never from what was claimed, so a sentence cannot say another number
than its claim, and `halo verify` can make it again.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence

from domain.claims import Ask, Checked, Claim, ExistsClaim
from domain.inquiry import ModelFinding
from domain.report import Counts

REFERENCE = re.compile(r"\{(claim|finding):(\d{1,5})(?:\.([a-z]{1,12}))?\}")
"""A reference as reports keep it: to an entry of the ledger, or to the counts of a model's finding."""
_RATE = re.compile(
    r"(?P<affected>[\d,]+) of (?P<of>[\d,]+) "
    r"\((?P<rate>[\d.]+)%, 95 % interval (?P<low>[\d.]+)% to (?P<high>[\d.]+)%\)"
)
_GAP = re.compile(r"[\d.]+ s")
_QUOTE_MAX_CHARS = 200
_FINDING_PARTS = ("", "rate", "affected", "of", "interval", "traces")


def told(checked: Checked, part: str = "") -> str | None:
    """What a reference to a confirmed claim reads as; None when it is not confirmed or has no such part."""
    if checked.verdict != "confirmed":
        return None
    kind = checked.claim.type
    parts: dict[str, Callable[[], Mapping[str, str]]] = {
        "count": lambda: {"": checked.found, "value": checked.found},
        "absence": lambda: {"": "none", "value": "0"},
        "rate": lambda: _rated(checked.found),
        "comparison": lambda: _compared(checked.found),
        "exists": lambda: _quoted(checked),
        "order": lambda: {"": "".join(_GAP.findall(checked.found)[:1])},
    }
    return parts[kind]().get(part) if kind in parts else None


def counted(counts: Counts, part: str = "") -> str | None:
    """What a reference to a finding's counts reads as; None when they have no such part."""
    if part not in _FINDING_PARTS:
        return None
    affected, of = f"{counts.affected_spans:,}", f"{counts.opportunities:,}"
    return {
        "": f"{affected} of {of} ({counts.rate:.1%})".replace("%", " %"),
        "rate": f"{counts.rate:.1%}".replace("%", " %"),
        "affected": affected,
        "of": of,
        "interval": f"{counts.ci_low:.1%} to {counts.ci_high:.1%}".replace("%", " %"),
        "traces": f"{counts.affected_traces:,} of {counts.traces:,} traces",
    }[part]


def resolved(text: str, ledger: Sequence[Checked], findings: Sequence[ModelFinding]) -> str:
    """A text with what its references stand for; a reference to nothing stays as it is."""

    def stands_for(match: re.Match[str]) -> str:
        at, part = int(match[2]), match[3] or ""
        if match[1] == "claim":
            found = told(ledger[at], part) if at < len(ledger) else None
        else:
            counts = findings[at].counts if at < len(findings) else None
            found = counted(counts, part) if counts is not None else None
        return match[0] if found is None else found

    return REFERENCE.sub(stands_for, text)


def _rated(found: str, prefix: str = "") -> Mapping[str, str]:
    match = _RATE.search(found)
    if match is None:
        return {}
    whole = f"{match['affected']} of {match['of']} ({match['rate']} %)"
    return {
        prefix: whole,
        "rate": f"{match['rate']} %",
        "value": f"{match['rate']} %",
        "affected": match["affected"],
        "of": match["of"],
        "interval": f"{match['low']} % to {match['high']} %",
    }


def _compared(found: str) -> Mapping[str, str]:
    sides = [_rated(side).get("") for side in found.split(", against ")]
    if len(sides) != 2 or None in sides:
        return {}
    return {"": f"{sides[0]} against {sides[1]}", "left": str(sides[0]), "right": str(sides[1])}


def _quoted(checked: Checked) -> Mapping[str, str]:
    claim = checked.claim
    if not isinstance(claim, ExistsClaim):
        return {}
    line = " ".join(claim.quote.replace("`", "'").split())
    shown = line if len(line) <= _QUOTE_MAX_CHARS else f"{line[:_QUOTE_MAX_CHARS]}…"
    return {
        "": f"`{shown}`",
        "quote": f"`{shown}`",
        "span": f"`{claim.span.span_id}`",
        "trace": f"`{claim.span.trace_id}`",
        "field": f"`{claim.field.replace('`', '')}`",
    }


def stated(claim: Claim) -> str:
    """A claim in our words, since a model's hold whatever it likes."""
    match claim.type:
        case "count" | "absence":
            return f"{claim.type} by {_query(claim.ask)}"
        case "rate":
            return f"{_query(claim.numerator)}, of {_query(claim.denominator)}"
        case "comparison":
            return f"{_query(claim.left.affected)} is {claim.relation} compared with {_query(claim.right.affected)}"
        case "exists":
            return f"span {claim.span.span_id} says so in {claim.field}"
        case "order":
            return f"span {claim.first.span_id} began before span {claim.then.span_id}"
    return claim.text


def _query(asked: Ask) -> str:
    return f"{asked.query} {json.dumps(dict(asked.args), ensure_ascii=False)} ({asked.answer})"
