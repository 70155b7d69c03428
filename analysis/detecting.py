"""What a detector promises, and what it hands to the finding builder.

A detector separates finding candidates from counting them: `find` proposes (subject, cause, arguments),
`measure` counts for given arguments and is the named query that recomputes the finding's numbers, for the
report and for `halo verify` alike.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import Field

from analysis.facts import FactWindow
from domain.component import ComponentConfig
from domain.report import Owner, Scalar, Severity

SpanRef = tuple[str, str]
Confidence = Literal["high", "medium", "low"]


class DetectorConfig(ComponentConfig):
    """What every detector can be told."""

    enabled: bool = Field(True, description="False keeps this detector from looking at all.")


@dataclass(frozen=True)
class SplitCount:
    """Affected of opportunities for one value of one property."""

    by: str
    value: str
    affected: int
    opportunities: int


@dataclass(frozen=True)
class Measure:
    """What a query answers; every number of a finding derives from it and the window.

    `affected` are the spans that show the failure, `opportunities` how many could have, `wasted` the spans
    whose tokens and seconds the failure cost (issuers included; each counted once).
    """

    affected: frozenset[SpanRef]
    opportunities: int
    traces: int  # traces with at least one opportunity
    wasted: frozenset[SpanRef]
    splits: tuple[SplitCount, ...] = ()
    figures: tuple[tuple[str, Scalar], ...] = ()  # what else the query computes, rounded: an odds ratio, a p-value
    excess: float | None = None  # failing traces beyond expectation at least, where the query works that out itself


@dataclass(frozen=True)
class Candidate:
    """A possible finding; `subject` and `cause` say what it is about, so that detectors that see one thing merge."""

    detector: str
    category: str
    owner: Owner
    severity: Severity
    subject: str  # tool, model or agent name; "" for the whole service
    cause: str  # error template, argument problem, …: short, masked, stable over runs
    args: Mapping[str, Scalar]
    title: str
    explanation: str
    fix: str
    exemplars: tuple[SpanRef, ...]  # best first; evidence is quoted from these
    quote_fields: tuple[str, ...] = field(default=())  # where to quote from, first present wins
    precedence: int = 0  # of merging candidates the highest tells the story; 0 stands alone and never merges
    family: str = ""  # detectors that tell one story at different strengths share it; default: the detector
    service: str = ""  # the one service it is about; "" for all of the window
    confidence: Confidence = "high"  # at most; few cases lower it
    explains_failures: bool = True  # False: it accompanies failing runs rather than failing them; ranked by waste alone
    p_value: float | None = None  # of the test it rests on; dropped unless it stands among all tests of the run
    scattered: bool = False  # several small causes told together; they come after what has one cause
    acceptance: str = ""  # the condition under which the finding counts as fixed


class Detector(Protocol):
    """Made by `create(config)` of a file in `analysis.detectors`; its name is the file's name.

    `args` of a candidate name everything `measure` needs, thresholds included, so that a query answers the
    same under any configuration.
    """

    name: str
    requires: tuple[str, ...]  # observability fields (analysis.observability); absent → not observable
    requires_any: tuple[str, ...] = ()  # fields of which one is enough

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """Candidates in this window."""

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Count for one candidate's arguments; KeyError or ValueError when they are not this detector's."""

    def comparisons(self, window: FactWindow) -> int:
        """How many statistical comparisons `find` makes here; a report states their sum as `tests_run`."""
        return 0

    def p_values(self, window: FactWindow) -> Sequence[float]:
        """The p-value of every significance test that `find` makes here, kept or not.

        `look` pools them over all detectors (Benjamini-Hochberg) and drops candidates whose own does not stand.
        """
        return ()


class OneStory(Detector):
    """A detector with one thing to tell of a window, once at least so many spans show it."""

    def __init__(self, least: int) -> None:
        self._least = least

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """What it tells, when enough spans show it."""
        measure = self.measure(window, {})
        if len(measure.affected) >= self._least:
            yield self.told(measure)

    @abstractmethod
    def told(self, measure: Measure) -> Candidate:
        """The one candidate, of all that was counted."""
