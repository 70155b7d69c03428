"""A tool that is offered but almost never works.

Counts: failed calls of all calls of the tool. A finding when the lower end of the 95 % Wilson interval is at
least 40 % with at least three calls, and one error text makes up at least half of the failures. The split by
argument keys shows every set of keys that was tried: a tool that cannot be called right usually fails for
all sets but one.
Excluded: failures re-raised from an agent or model call inside the tool.
Known false positives: tools that are probed for existence, and outages that lasted the whole window.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.groups import calls_by_tool, pools
from analysis.phrases import fraction, sentence
from analysis.statistics import wilson
from analysis.tool_failures import (
    Dominant,
    acceptance_text,
    commonest_text,
    dominant,
    failing_calls_text,
    failures_of,
    measure_failures,
    repair_text,
)
from domain.report import Scalar


class Config(DetectorConfig):
    """When a tool counts as unusable."""

    min_calls: int = Field(3, ge=1, description="Fewest calls that say anything about a tool.")
    floor: float = Field(0.4, ge=0, le=1, description="The lower bound of the failure rate must reach this.")
    dominant_share: float = Field(0.5, ge=0, le=1, description="Share of failures that one error text must have.")


def create(config: Config) -> Detector:
    """The detector."""
    return UnusableTool(config)


class UnusableTool(Detector):
    """Looks at each tool's failure rate."""

    name = "unusable_tool"
    requires = ("tool",)

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for a tool, or for each service in which it is unusable when it is not overall."""
        for tool, own in window.once(calls_by_tool).items():
            for service, calls in self._pools(own):
                worst = dominant(failures_of(window, tool, service))
                if worst is not None and self._is_unusable(window, tool, service, calls, worst):
                    yield self._candidate(window, tool, service, worst)
                    if not service:
                        break

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Failed calls of all calls of a tool."""
        return measure_failures(window, str(args["tool"]), str(args["service"]), by_error=False)

    def comparisons(self, window: FactWindow) -> int:
        """Each tool with enough calls, and each of its services where there are several."""
        return sum(1 for calls in window.once(calls_by_tool).values() for _ in self._pools(calls))

    def _pools(self, calls: Sequence[SpanFact]) -> Iterable[tuple[str, Sequence[SpanFact]]]:
        return (pool for pool in pools(calls) if len(pool[1]) >= self._config.min_calls)

    def _is_unusable(
        self, window: FactWindow, tool: str, service: str, calls: Sequence[SpanFact], worst: Dominant
    ) -> bool:
        count = len(failures_of(window, tool, service))
        low, _ = wilson(count, len(calls))
        return low >= self._config.floor and worst.calls >= self._config.dominant_share * count

    def _candidate(self, window: FactWindow, tool: str, service: str, worst: Dominant) -> Candidate:
        args: dict[str, Scalar] = {"tool": tool, "service": service}
        measure = self.measure(window, args)
        return Candidate(
            detector=self.name,
            category=worst.error_class.category,
            owner=worst.error_class.owner,
            severity="high",
            subject=tool,
            cause=worst.failure.cause,
            args=args,
            title=f"{tool} fails in {fraction(measure, 'call')}",
            explanation=sentence(
                failing_calls_text(tool, measure),
                commonest_text(worst, measure),
                "The model keeps being offered a tool it cannot use.",
            ),
            fix=repair_text(tool, worst.error_class, measure),
            exemplars=(),
            quote_fields=("error", "arguments"),
            precedence=100,
            family="failure",
            service=service,
            acceptance=acceptance_text(tool),
        )
