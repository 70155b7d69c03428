"""What a success costs, and how much of the spending goes to traces that fail.

Counts: failing traces of all traces whose outcome an evaluation or feedback states. The cost of a success is the cost
of all these traces, failing ones included, by the number of successes, with a bootstrap interval over traces. Costs
are those that the spans state; where a trace has none, tokens are counted alone. The finding is for information, and
medium once the lower end of the interval of the failing traces' share of the spending exceeds 30 %.
Excluded: outcomes known from a root's status or from structure (a run without an error is not yet a success), and
agents with fewer than ten known outcomes, without a success or without a failure.
Known false positives: evaluations of a sample that was chosen for being bad.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow
from analysis.phrases import fraction, percent, sentence, significant
from analysis.resampling import ratio_interval
from analysis.trace_sums import TraceSum, by_group, trace_sums
from domain.report import Scalar

_STATED = frozenset(("evaluation", "feedback"))
_WORRYING = 0.3


class Config(DetectorConfig):
    """When costs can be told."""

    min_traces: int = Field(10, ge=2, description="Fewest traces of an agent with a known outcome.")


def create(config: Config) -> Detector:
    """The detector."""
    return CostPerSuccess(config)


class CostPerSuccess(Detector):
    """Looks at what failing and passing traces cost."""

    name = "cost_per_success"
    requires = ("input_tokens",)

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each agent with known successes and failures."""
        for group, traces in window.once(judged).items():
            failing = sum(bool(each.failing) for each in traces)
            if len(traces) >= self._config.min_traces and 0 < failing < len(traces):
                yield self._candidate(traces, {"service": group[0], "agent_uuid": group[1]})

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Failing traces of those with a known outcome; all that they spent is wasted."""
        return _measure(window.once(judged).get((str(args["service"]), str(args["agent_uuid"])), ()))

    def _candidate(self, traces: Sequence[TraceSum], args: Mapping[str, Scalar]) -> Candidate:
        measure = _measure(traces)
        figures = dict(measure.figures)
        share, low, high = (float(str(figures[name])) for name in ("failing_share", "share_low", "share_high"))
        unit = "USD" if figures["unit"] == "USD" else "tokens"
        return Candidate(
            detector=self.name,
            category="cost",
            owner="harness",
            severity="medium" if low > _WORRYING else "info",
            subject=traces[0].agent,
            cause="failing traces",
            args=args,
            title=f"A success costs {_amount(figures['per_success'], unit)}; {percent(share)} goes to failing traces",
            explanation=sentence(
                f"{fraction(measure, 'trace')} fail and take {percent(share)} of the spending "
                f"(95 % CI {low * 100:.1f}–{high * 100:.1f} %).",
                f"All traces together cost {_amount(figures['per_success'], unit)} for each of "
                f"{len(traces) - len(measure.affected):,} that succeeded" + _interval(figures, unit) + ".",
                "" if unit == "USD" else "Spans state no price, so tokens are counted.",
            ),
            fix="Harness: give up early where nothing can succeed; mend first what other findings say.",
            exemplars=(),
            quote_fields=("error", "output", "name"),
            service=traces[0].service,
            explains_failures=False,
            acceptance=f"failing traces take < {_WORRYING:.0%} of the spending over ≥ 50 traces",
        )


def judged(window: FactWindow) -> Mapping[tuple[str, str], Sequence[TraceSum]]:
    """By agent the traces whose outcome an evaluation or feedback states and of which tokens are known."""
    return by_group(
        each
        for each in window.once(trace_sums)
        if each.failing is not None and each.tokens is not None and each.outcome_source in _STATED
    )


def _measure(traces: Sequence[TraceSum]) -> Measure:
    failing = frozenset(each.ref for each in traces if each.failing)
    return Measure(failing, len(traces), len(traces), failing, (), tuple(_figures(traces)) if traces else ())


def _figures(traces: Sequence[TraceSum]) -> Iterable[tuple[str, Scalar]]:
    has_price = all(each.cost_usd is not None for each in traces) and any(each.cost_usd for each in traces)
    spent = [float((each.cost_usd if has_price else each.tokens) or 0) for each in traces]
    lost = [amount if each.failing else 0.0 for each, amount in zip(traces, spent, strict=True)]
    passing = [float(not each.failing) for each in traces]
    of_success, of_share = ratio_interval(spent, passing), ratio_interval(lost, spent)
    successes, total = sum(passing), sum(spent)
    yield "unit", "USD" if has_price else "tokens"
    yield "spent", significant(total, 6)
    yield "spent_on_failing", significant(sum(lost), 6)
    yield "per_success", significant(total / successes) if successes else None
    yield "per_success_low", significant(of_success[0]) if of_success else None
    yield "per_success_high", significant(of_success[1]) if of_success else None
    yield "failing_share", significant(sum(lost) / total) if total else 0.0
    yield "share_low", significant(of_share[0]) if of_share else 0.0
    yield "share_high", significant(of_share[1]) if of_share else 1.0


def _amount(value: Scalar, unit: str) -> str:
    amount = float(str(value))
    return f"{amount:,.4g} USD" if unit == "USD" else f"{amount:,.0f} tokens"


def _interval(figures: Mapping[str, Scalar], unit: str) -> str:
    if figures["per_success_low"] is None:
        return ""
    return f" (95 % CI {_amount(figures['per_success_low'], unit)} to {_amount(figures['per_success_high'], unit)})"
