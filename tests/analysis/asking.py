"""Asking one shipped detector about a window."""

from analysis.detecting import Candidate, Detector, Measure
from analysis.facts import FactWindow
from analysis.looking import load_detectors


def detector(name: str) -> Detector:
    """A shipped detector with its defaults."""
    return load_detectors(None)[name]


def only(name: str, facts: FactWindow) -> tuple[Candidate, Measure]:
    """The one thing a detector finds, and its measure."""
    (candidate,) = detector(name).find(facts)
    return candidate, detector(name).measure(facts, candidate.args)


def none(name: str, facts: FactWindow) -> bool:
    """Whether a detector finds nothing."""
    return not list(detector(name).find(facts))


def split(measure: Measure, by: str) -> dict[str, tuple[int, int]]:
    """(affected, opportunities) for each value of a property."""
    return {each.value: (each.affected, each.opportunities) for each in measure.splits if each.by == by}
