"""A tool that fails far more often than the agent's other tools.

Counts: calls whose TOOL span failed of itself, of all calls of the tool. A finding when the lower end of the
95 % Wilson interval exceeds both 20 % and twice the error rate of the other tools together.
Excluded: failures re-raised from an agent or model call inside the tool.
Known false positives: tools whose failure is an expected answer (a grep without a match, a failing test).
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.failures import failed_calls
from analysis.groups import calls_by_tool, pools
from analysis.phrases import fraction, percent, sentence
from analysis.statistics import wilson
from analysis.tool_failures import (
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
    """When an error rate is too high."""

    floor: float = Field(0.2, ge=0, le=1, description="The lower bound of the rate must exceed this.")
    ratio: float = Field(2.0, ge=1, description="And this many times the rate of the other tools.")
    min_failures: int = Field(3, ge=1, description="Fewest failures that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return ToolErrorRate(config)


class ToolErrorRate(Detector):
    """Compares each tool with the others."""

    name = "tool_error_rate"
    requires = ("tool",)

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for a tool, or for each service in which it stands out when it does not overall."""
        calls = len(window.tool_calls)
        failed = sum(len(found) for found in window.once(failed_calls).values())
        for tool, own in window.once(calls_by_tool).items():
            others = calls - len(own)
            other_rate = (failed - len(failures_of(window, tool))) / others if others else 0.0
            for service, pool in pools(own):
                if self._stands_out(window, tool, service, pool, other_rate):
                    yield self._candidate(window, tool, service, other_rate)
                    if not service:
                        break

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Failed calls of all calls of a tool."""
        return measure_failures(window, str(args["tool"]), str(args["service"]), by_error=True)

    def comparisons(self, window: FactWindow) -> int:
        """Each tool, and each of its services where there are several."""
        return sum(1 for calls in window.once(calls_by_tool).values() for _ in pools(calls))

    def _stands_out(
        self, window: FactWindow, tool: str, service: str, calls: Sequence[SpanFact], other_rate: float
    ) -> bool:
        count = len(failures_of(window, tool, service))
        low, _ = wilson(count, len(calls))
        return count >= self._config.min_failures and low > max(self._config.ratio * other_rate, self._config.floor)

    def _candidate(self, window: FactWindow, tool: str, service: str, other_rate: float) -> Candidate:
        args: dict[str, Scalar] = {"tool": tool, "service": service}
        measure = self.measure(window, args)
        worst = dominant(failures_of(window, tool, service))
        assert worst is not None
        mixed = 2 * worst.calls < len(measure.affected)
        return Candidate(
            detector=self.name,
            category=worst.error_class.category,
            owner=worst.error_class.owner,
            severity="high",
            subject=tool,
            cause="several errors" if mixed else worst.failure.cause,
            args=args,
            title=f"{tool} fails in {fraction(measure, 'call')}",
            explanation=sentence(
                failing_calls_text(tool, measure),
                commonest_text(worst, measure),
                f"Other tools fail in {percent(other_rate)}.",
            ),
            fix=repair_text(tool, worst.error_class, measure),
            exemplars=(),
            quote_fields=("error", "arguments"),
            precedence=60,
            family="failure",
            service=service,
            acceptance=acceptance_text(tool),
        )
