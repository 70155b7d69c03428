"""One finding per (tool, cause): what several detectors see of one thing becomes one story.

A candidate joins a story about the same subject when at least half of the spans it is about are part of that
story already, be it as affected spans or as what they wasted. The candidate with the highest precedence tells
the story; what the others measured is kept with it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from analysis.detecting import Candidate, SpanRef
from analysis.looking import Seen


@dataclass
class Story:
    """A finding in the making."""

    lead: Seen
    absorbed: list[Seen] = field(default_factory=list)


def fingerprint(candidate: Candidate) -> str:
    """The identity of a finding over runs: detector family, service, subject and cause, and nothing that is counted."""
    family = candidate.family or candidate.detector
    parts = (family, candidate.service, candidate.subject, candidate.cause)
    return sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def merge(seen: Iterable[Seen]) -> list[Story]:
    """Stories from what was seen; the order of `seen` does not matter."""
    stories: list[Story] = []
    part_of: dict[tuple[str, SpanRef], Story] = {}
    by_fingerprint: dict[str, Story] = {}
    for each in sorted(seen, key=_telling_first):
        candidate, measure = each.candidate, each.measure
        identity = fingerprint(candidate)
        story = by_fingerprint.get(identity) or (_home(each, part_of) if candidate.precedence else None)
        if story is not None:
            story.absorbed.append(each)
            continue
        story = by_fingerprint[identity] = Story(each)
        stories.append(story)
        if candidate.precedence:
            for ref in measure.affected | measure.wasted:
                part_of.setdefault((candidate.subject, ref), story)
    return stories


def _telling_first(each: Seen) -> tuple[int, int, str, str, str]:
    candidate = each.candidate
    return -candidate.precedence, -len(each.measure.affected), candidate.detector, candidate.subject, candidate.cause


def _home(each: Seen, part_of: dict[tuple[str, SpanRef], Story]) -> Story | None:
    """The story that holds most of a candidate's spans, if the stories together hold half of them."""
    hits: Counter[int] = Counter()
    stories: dict[int, Story] = {}
    for ref in each.measure.affected:
        story = part_of.get((each.candidate.subject, ref))
        if story is not None:
            hits[id(story)] += 1
            stories[id(story)] = story
    if 2 * hits.total() < len(each.measure.affected) or not hits:
        return None
    best = max(hits, key=lambda key: (hits[key], fingerprint(stories[key].lead.candidate)))
    return stories[best]
