"""Findings: candidates merged into stories, each with its numbers, its identity and its place in the order.

Everything a finding says follows from the facts of the window, from the detectors' settings and, for its
status and first sight, from the last report.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from analysis.counting import counts_of, expected, splits_of, waste_of
from analysis.detecting import Confidence, Measure
from analysis.facts import FactWindow
from analysis.impact import Impact, impact, severity_of
from analysis.looking import Seen
from analysis.merging import Story, fingerprint, merge
from analysis.outcomes import Outcomes
from analysis.phrases import plural, sentence
from analysis.sightings import finding_id, moment, seen_between
from analysis.standing import Before, Sight, first_standing, standing
from domain.report import Counts, Evidence, Finding, Query, Waste

MAX_FINDINGS = 100
_MAX_ABSORBED = 12
_SURE_SPANS, _SURE_TRACES, _FEW_SPANS = 10, 3, 3
_CONFIDENCES: tuple[Confidence, ...] = ("high", "medium", "low")


@dataclass(frozen=True)
class Ranked:
    """A story with its identity and its weight."""

    story: Story
    fingerprint: str
    impact: Impact

    @property
    def explains_failures(self) -> bool:
        """Whether failing traces that it touches count as explained."""
        candidate = self.story.lead.candidate
        return candidate.explains_failures and candidate.severity != "info"

    @property
    def measure(self) -> Measure:
        """What the story's own query measured."""
        return self.story.lead.measure


def ranked(window: FactWindow, seen: Iterable[Seen], known: Outcomes) -> list[Ranked]:
    """The stories of a window by impact, then what was seen once each, then matters of hygiene (severity info).

    Ties are broken by how recently a thing was seen, then by identity, so that the order is stable.
    """
    found = []
    for story in merge(seen):
        candidate = story.lead.candidate
        weight = impact(window, story.lead.measure, known, explains_failures=candidate.explains_failures)
        found.append(Ranked(story, fingerprint(candidate), weight))
    return sorted(found, key=lambda each: _place(window, each))


def _place(window: FactWindow, each: Ranked) -> tuple[bool, bool, float, float, float, int, str]:
    weight = each.impact
    candidate = each.story.lead.candidate
    is_odd = candidate.scattered or len(each.measure.affected) == 1
    last = seen_between(window, each.measure)[1]
    return (
        candidate.severity == "info",
        is_odd,
        -weight.failing_traces,
        -weight.seconds,
        -weight.tokens,
        -last,
        each.fingerprint,
    )


def build_finding(
    window: FactWindow,
    each: Ranked,
    *,
    report_id: str,
    before: Before | None,
    evidence_of: Callable[[Seen], Sequence[Evidence]],
) -> Finding:
    """A finding from a story; `before` is what was known of it."""
    lead = each.story.lead
    candidate, measure = lead.candidate, lead.measure
    counts, waste = counts_of(measure), waste_of(window, measure.wasted)
    sight = Sight(*map(moment, seen_between(window, measure)))
    stands = first_standing(sight) if before is None else standing(counts, sight, before)
    return Finding(
        id=finding_id(report_id, each.fingerprint),
        fingerprint=each.fingerprint,
        detector=candidate.detector,
        category=candidate.category,
        title=candidate.title,
        owner=candidate.owner,
        severity=severity_of(candidate.severity, measure, each.impact, len(window.traces)),
        confidence=confidence_of(counts, candidate.confidence),
        counts=counts,
        splits=splits_of(measure),
        waste=waste,
        evidence=tuple(evidence_of(lead)),
        queries=queries_of(window, each.story),
        explanation=explanation(each.story, waste),
        fix=candidate.fix,
        acceptance_query=candidate.acceptance,
        figures=dict(measure.figures),
        **stands._asdict(),
    )


def queries_of(window: FactWindow, story: Story) -> tuple[Query, ...]:
    """The query that tells a story, then those of what else was seen of it."""
    return tuple(_query(window, seen) for seen in (story.lead, *_told_too(story)))


def _query(window: FactWindow, seen: Seen) -> Query:
    candidate = seen.candidate
    return Query(name=candidate.detector, args=dict(candidate.args), expect=expected(window, seen.measure))


def _told_too(story: Story) -> Sequence[Seen]:
    """What else was measured of the same thing, the most affected first."""
    return sorted(story.absorbed, key=lambda seen: (-len(seen.measure.affected), seen.candidate.detector))[
        :_MAX_ABSORBED
    ]


def explanation(story: Story, waste: Waste) -> str:
    """The symptom, what else was seen of it, and what it costs at most."""
    lead = story.lead
    others = dict.fromkeys(
        seen.candidate.title
        for seen in _told_too(story)
        if not (seen.candidate.family == "failure" and seen.measure.affected == lead.measure.affected)
    )
    return sentence(
        lead.candidate.explanation,
        f"Also seen: {'; '.join(others)}." if others else "",
        _cost(waste),
    )


def _cost(waste: Waste) -> str:
    if not waste.tokens and not waste.seconds:
        return ""
    tokens = f"{plural(waste.tokens, 'token')} and " if waste.tokens else ""
    return f"It costs at most {tokens}{waste.seconds:,.1f} s."


def confidence_of(counts: Counts, at_most: Confidence) -> Confidence:
    """How sure a finding is: by how many spans and traces show it, and never more than its detector is."""
    sure = counts.affected_spans >= _SURE_SPANS and counts.affected_traces >= _SURE_TRACES
    own: Confidence = "high" if sure else "medium" if counts.affected_spans >= _FEW_SPANS else "low"
    return max(own, at_most, key=_CONFIDENCES.index)
