"""A tool fails, and no later call of it in the same scope succeeds.

Counts: failed calls after which the same tool never succeeds within their scope, of all failed calls of the
tool.
Excluded: failures of other kinds of spans.
Known false positives: the tool was no longer needed, or another tool did the job.
"""

from collections.abc import Iterable, Mapping

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow
from analysis.failures import failed_calls, unrecovered
from analysis.groups import with_issuers
from analysis.phrases import fraction, rated, sentence
from analysis.splitting import measured
from domain.report import Scalar


class Config(DetectorConfig):
    """When unrecovered failures are worth a finding."""

    min_calls: int = Field(1, ge=1, description="Fewest unrecovered failures of a tool that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return UnrecoveredError(config)


class UnrecoveredError(Detector):
    """Looks for a success after each failure."""

    name = "unrecovered_error"
    requires = ("tool",)

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each tool with an unrecovered failure."""
        for tool in window.once(failed_calls):
            args: dict[str, Scalar] = {"tool": tool}
            measure = self.measure(window, args)
            if len(measure.affected) >= self._config.min_calls:
                yield Candidate(
                    detector=self.name,
                    category="unrecovered_error",
                    owner="harness",
                    severity="medium",
                    subject=tool,
                    cause="never succeeds afterwards",
                    args=args,
                    title=f"{tool} never succeeds after a failure in {fraction(measure, 'failure')}",
                    explanation=sentence(
                        f"After a failure {tool} never succeeds in the same run in {rated(measure, 'failure')}."
                    ),
                    fix=f"Harness: when {tool} fails, tell the model what to do instead, or end the run as failed.",
                    exemplars=(),
                    quote_fields=("error", "arguments"),
                    precedence=10,
                    acceptance=f"unrecovered failures of {tool} < 20 % over ≥ 20 failures",
                )

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Unrecovered failures of all failures of the tool."""
        spans = [failure.span for failure in window.once(failed_calls).get(str(args["tool"]), ())]
        lost = window.once(unrecovered)
        never = [span for span in spans if span.ref in lost]
        return measured(spans, never, with_issuers(window, never))
