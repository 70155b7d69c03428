"""A share that somebody claims, counted: so many spans of one query among those that another names.

What is affected has to be a part of what it is a share of; else the share would be a ratio of two unrelated numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.asking import SPANS, measured
from analysis.counting import counts_of, expected
from analysis.detecting import Detector, Measure
from analysis.facts import FactWindow
from domain.claims import Ask
from domain.report import Counts, Query

_WHOLE = "opportunities"
_UNITS: Mapping[str, str] = {
    "affected_spans": "spans",
    _WHOLE: "spans",
    "affected_traces": "traces",
    "traces": "traces",
}
"""What each answer that can be a part or a whole counts."""
_EVERYTHING = (_WHOLE, "traces")


@dataclass(frozen=True)
class Measured:
    """What a share was found to be, and the queries that answer it; `of` is None where `query` answers both."""

    counts: Counts
    query: Query
    of: Query | None


def measured_share(window: FactWindow, detectors: Mapping[str, Detector], affected: Ask, of: Ask | None) -> Measured:
    """Count a share. LookupError: there is no such query; ValueError: the queries make no share."""
    try:
        part = measured(window, detectors, affected.query, affected.args)
        if not part.affected:
            raise ValueError("nothing is affected: what is never seen is no finding")
        query = _query(window, affected, part)
        if of is None or (of.answer == _WHOLE and (of.query, of.args) == (affected.query, affected.args)):
            return Measured(counts_of(part), query, None)
        whole = measured(window, detectors, of.query, of.args)
        strangers = len(part.affected - whole.affected)
        if strangers:
            raise ValueError(f"{strangers:,} of the {len(part.affected):,} affected spans are not among those it is of")
        among = Measure(
            part.affected, len(whole.affected), len({trace_id for trace_id, _ in whole.affected}), frozenset()
        )
        return Measured(counts_of(among), query, _query(window, of, whole))
    finally:
        window.let_go()


def require_part(window: FactWindow, detectors: Mapping[str, Detector], affected: Ask, of: Ask) -> None:
    """ValueError unless what one query counts is, by its own units and one by one, among what the other counts.

    LookupError: there is no such query.
    """
    unit, whole_unit = _UNITS.get(affected.answer), _UNITS.get(of.answer)
    if unit is None or unit != whole_unit:
        raise ValueError(f"{affected.answer} of {of.answer} is no share: ask for spans or for traces on both sides")
    is_same = (affected.query, affected.args) == (of.query, of.args)
    if of.answer in _EVERYTHING and (is_same or of.query == SPANS):
        return
    if of.answer in _EVERYTHING:
        raise ValueError(f"{of.answer} of another query is no whole of these {unit}")
    try:
        part = measured(window, detectors, affected.query, affected.args).affected
        whole = measured(window, detectors, of.query, of.args).affected
    finally:
        window.let_go()
    if unit == "traces":
        strangers = len({trace_id for trace_id, _ in part} - {trace_id for trace_id, _ in whole})
    else:
        strangers = len(part - whole)
    if strangers:
        raise ValueError(f"{strangers:,} of the {unit} are not among those that the share is of")


def asked_again(query: Query) -> Ask:
    """What a finding's query asks."""
    return Ask(query=query.name, args=query.args)


def _query(window: FactWindow, asked: Ask, measure: Measure) -> Query:
    return Query(name=asked.query, args=dict(asked.args), expect=expected(window, measure))
