"""Detectors at work: each looks for itself, so that one that raises costs its own findings and no others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow
from analysis.phrases import one_line
from analysis.statistics import benjamini_hochberg
from domain.component import component_type, component_types, load_component
from domain.report import NotObservable
from domain.settings import read_settings

KIND = "analysis.detectors"
"""Where detectors live, and where halo.yaml sets them."""
Settings = Mapping[str, Mapping[str, object]]
"""What the user set, by detector; a detector that is not named runs with its defaults."""
Missing = Callable[[FactWindow, tuple[str, ...]], tuple[str, ...]]
"""Of the fields that a detector requires those that the window does not record."""


@dataclass(frozen=True)
class Seen:
    """A candidate and what its query answers."""

    candidate: Candidate
    measure: Measure


@dataclass(frozen=True)
class Looked:
    """What all detectors saw of a window, which could not look, and what went wrong with others.

    `p_threshold` is the largest p-value that stands among all significance tests; None when none was made or stands.
    """

    seen: tuple[Seen, ...]
    not_observable: tuple[NotObservable, ...]
    notes: tuple[str, ...]
    tests_run: int
    p_threshold: float | None = None


def shipped_detectors() -> dict[str, Detector]:
    """Every detector of the repository with its defaults."""
    return load_detectors(None)


def load_detectors(settings: Settings | None) -> dict[str, Detector]:
    """The shipped detectors with these settings, and those from elsewhere that the settings name, by name.

    `enabled: false` leaves one out. ConfigError names every setting that is wrong.
    """
    given = dict(settings or {})
    found: dict[str, Detector] = {}
    for name in dict.fromkeys((*component_types(KIND), *given)):
        module = load_component(KIND, name)
        config = read_settings(module.Config, f"{KIND}.{name}", given.get(name))
        if not isinstance(config, DetectorConfig) or config.enabled:
            found[name] = module.create(config)
    return found


def detector_for(detectors: Mapping[str, Detector], name: str) -> Detector | None:
    """The detector that answers a query: by its name, or by the type in it."""
    return detectors.get(name) or detectors.get(component_type(name))


def unmet(window: FactWindow, detector: Detector, missing: Missing) -> tuple[str, ...]:
    """What keeps a detector from looking: the fields that it requires and the window does not record."""
    absent = missing(window, detector.requires)
    other_ways = missing(window, detector.requires_any)
    if detector.requires_any and len(other_ways) == len(detector.requires_any):
        absent += other_ways
    return absent


def look(window: FactWindow, detectors: Mapping[str, Detector], missing: Missing) -> Looked:
    """Let every detector look that can."""
    seen: list[Seen] = []
    blind: list[NotObservable] = []
    notes: list[str] = []
    tests = 0
    p_values: list[float] = []
    for name, detector in sorted(detectors.items()):
        try:
            if absent := unmet(window, detector, missing):
                blind.append(NotObservable(detector=name, missing_fields=absent))
                continue
            found = [Seen(_tidied(each), detector.measure(window, each.args)) for each in detector.find(window)]
            compared, own = detector.comparisons(window), detector.p_values(window)
        except Exception as error:
            notes.append(
                f"The detector {name} raised {type(error).__name__} and was left out; its findings are missing."
            )
            continue
        finally:
            window.let_go()
        seen += [each for each in found if each.measure.affected]
        tests += compared
        p_values += own
    limit = benjamini_hochberg(p_values)
    return Looked(tuple(_standing(seen, limit)), tuple(blind), tuple(notes), tests, limit)


def _standing(seen: Sequence[Seen], limit: float | None) -> Iterator[Seen]:
    """What rests on no significance test, or on one that stands among all that were made."""
    for each in seen:
        p_value = each.candidate.p_value
        if p_value is None or (limit is not None and p_value <= limit):
            yield each


def _tidied(candidate: Candidate) -> Candidate:
    """A candidate whose words are single lines of printable text, whatever the names in them hold."""
    return replace(
        candidate,
        title=one_line(candidate.title),
        explanation=one_line(candidate.explanation),
        fix=one_line(candidate.fix),
        acceptance=one_line(candidate.acceptance),
    )
