"""When live counts say that something has changed: pure rules that compare the last minutes with what was before.

The unit is a trace, since what happens inside one hangs together. Every rule needs a minimum of traces on both sides,
says what test it makes, and shares its level among all that it looks at (Bonferroni), so that an agent that does as it
always did raises an alarm of a kind once in ten thousand looks at most. A rule that compares shares takes the upper end
of the 95 % Wilson interval of the share before as what was usual.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

from analysis.phrases import percent, quoted
from analysis.questions import is_waiting
from analysis.statistics import rule_of_three, wilson
from analysis.streaming.buckets import OTHERS
from analysis.streaming.counting import Counts, Key
from analysis.streaming.health import bins, of
from analysis.streaming.sketch import quantile, quantile_interval
from domain.report import Scalar


@dataclass(frozen=True)
class Thresholds:
    """When a change is worth an alarm."""

    level: float = 1e-4  # chance of a false alarm of a kind at one look
    recent_traces: int = 10
    baseline_traces: int = 50
    affected_traces: int = 3
    usual_share: float = 0.02  # shares up to this are never held against anybody
    ratio: float = 1.5  # how many times larger a median must be, with its interval


@dataclass(frozen=True)
class Alarm:
    """A change: what of what, one sentence, and the numbers behind it."""

    kind: str
    subject: str  # a tool, a model, "" for the agent as a whole
    text: str
    figures: Mapping[str, Scalar]
    p_value: float  # of the test; of a shift the level at which both intervals lie apart


def alarms(recent: Counts, baseline: Counts, thresholds: Thresholds | None = None) -> list[Alarm]:
    """The alarms that these counts of one agent raise, the surest first."""
    limits = thresholds or Thresholds()
    rules = (_error_bursts, _new_signatures, _token_shift, _latency_shifts, _loop_storms)
    found = [alarm for rule in rules for alarm in rule(recent, baseline, limits)]
    return sorted(found, key=lambda alarm: (alarm.p_value, alarm.kind, alarm.subject))


def binomial_tail(at_least: int, of: int, share: float) -> float:
    """The chance of so many hits or more among `of` tries that each hit with probability `share`."""
    if at_least <= of * share or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0
    log_term = math.lgamma(of + 1) - math.lgamma(at_least + 1) - math.lgamma(of - at_least + 1)
    log_term += at_least * math.log(share) + (of - at_least) * math.log1p(-share)
    term = total = math.exp(log_term)
    for hits in range(at_least, of):
        term *= (of - hits) / (hits + 1) * share / (1 - share)
        total += term
        if term < total * 1e-12:
            break
    return min(total, 1.0)


@dataclass(frozen=True)
class _Share:
    """How many traces show something, of how many that could: lately, and before."""

    hits: int
    traces: int
    hits_before: int
    traces_before: int

    def p_value(self, limits: Thresholds) -> float | None:
        """The chance of so many hits if the share were the usual one; None when there is too little to tell."""
        if self.traces < limits.recent_traces or self.traces_before < limits.baseline_traces:
            return None
        usual = max(wilson(self.hits_before, self.traces_before)[1], limits.usual_share)
        return binomial_tail(self.hits, self.traces, usual) if self.hits >= limits.affected_traces else 1.0

    @property
    def said(self) -> str:
        """The numbers in words."""
        share, before = self.hits / self.traces, self.hits_before / self.traces_before
        return (
            f"in {self.hits} of the last {self.traces} traces ({percent(share)}); "
            f"before, in {self.hits_before} of {self.traces_before} ({percent(before)})"
        )

    @property
    def figures(self) -> dict[str, Scalar]:
        """The numbers."""
        return {
            "traces": self.hits,
            "of_traces": self.traces,
            "traces_before": self.hits_before,
            "of_traces_before": self.traces_before,
        }


def _error_bursts(recent: Counts, baseline: Counts, limits: Thresholds) -> Iterator[Alarm]:
    """The share of traces with an error, and for each tool of the traces that call it, by a binomial test."""
    shares = _of_tools(recent, baseline, "failing_traces")
    shares[""] = _Share(
        recent["traces_with_errors",],
        recent["traces",],
        baseline["traces_with_errors",],
        baseline["traces",],
    )
    yield from _bursts("error_burst", shares, limits, "fails", "Errors happen")


def _loop_storms(recent: Counts, baseline: Counts, limits: Thresholds) -> Iterator[Alarm]:
    """For each tool the share of traces in which its calls go in circles, of those that call it, by a binomial test."""
    shares = _of_tools(recent, baseline, "looping_traces")
    shares = {tool: share for tool, share in shares.items() if not is_waiting(tool)}
    yield from _bursts("loop_storm", shares, limits, "is called again and again to no avail")


def _of_tools(recent: Counts, baseline: Counts, measure: str) -> dict[str, _Share]:
    """A share for each tool; a tool that was not there before is held against the agent's traces."""
    found = {}
    for (tool,), traces in of(recent, "calling_traces").items():
        before = baseline["calling_traces", tool] or baseline["traces",]
        found[str(tool)] = _Share(recent[measure, tool], traces, baseline[measure, tool], before)
    return found


def _bursts(
    kind: str, shares: Mapping[str, _Share], limits: Thresholds, verb: str, of_agent: str = ""
) -> Iterator[Alarm]:
    tested = {subject: p_value for subject, share in shares.items() if (p_value := share.p_value(limits)) is not None}
    for subject, p_value in tested.items():
        if p_value * len(tested) < limits.level:
            share, said = shares[subject], f"{quoted(subject)} {verb}" if subject else of_agent
            yield Alarm(kind, subject, f"{said} {share.said}.", share.figures, p_value)


def _new_signatures(recent: Counts, baseline: Counts, limits: Thresholds) -> Iterator[Alarm]:
    """Errors never seen before, by a binomial test at the upper bound of what nobody saw (rule of three)."""
    if baseline["traces",] < limits.baseline_traces:
        return
    fresh = {key: hits for key, hits in of(recent, "error_traces").items() if not baseline[("error_traces", *key)]}
    bound = rule_of_three(baseline["traces",])
    for key, hits in fresh.items():
        p_value = binomial_tail(hits, recent["traces",], bound)
        if OTHERS not in key and hits >= limits.affected_traces and p_value * len(fresh) < limits.level:
            yield _new_signature(key, _Share(hits, recent["traces",], 0, baseline["traces",]), p_value)


def _new_signature(key: Key, share: _Share, p_value: float) -> Alarm:
    kind, tool, error_type, template = map(str, key)
    told = quoted(template or error_type) if template or error_type else "without a text"
    subject = tool or kind
    figures = share.figures | {"error_type": error_type, "template": template}
    return Alarm(
        "new_error_signature", subject, f"A new error of {quoted(subject)}, {told}, {share.said}.", figures, p_value
    )


def _token_shift(recent: Counts, baseline: Counts, limits: Thresholds) -> Iterator[Alarm]:
    """The median of tokens a trace, up or down, by intervals of both medians that lie apart."""
    sketches = bins(recent, "trace_tokens").get((), {}), bins(baseline, "trace_tokens").get((), {})
    for ratio in (limits.ratio, 1 / limits.ratio):
        shift = _shift(*sketches, ratio, limits, tests=2)
        if shift is not None:
            text = f"A trace takes {shift['median']:,.0f} tokens (median); before, {shift['median_before']:,.0f}."
            yield Alarm("token_shift", "", text, shift, limits.level)


def _latency_shifts(recent: Counts, baseline: Counts, limits: Thresholds) -> Iterator[Alarm]:
    """The median time of each tool and model, upwards, by intervals of both medians that lie apart."""
    pairs = [
        (str(name), sketch, before[name,])
        for measure in ("call_duration", "model_duration")
        for before in [bins(baseline, measure)]
        for (name,), sketch in bins(recent, measure).items()
        if (name,) in before
    ]
    for name, sketch, before in pairs:
        shift = _shift(sketch, before, limits.ratio, limits, tests=len(pairs))
        if shift is not None:
            now, then = shift["median"] / 1e9, shift["median_before"] / 1e9
            text = f"{quoted(name)} takes {now:,.2f} s (median); before, {then:,.2f} s."
            yield Alarm("latency_shift", name, text, {"seconds": now, "seconds_before": then}, limits.level)


def _shift(
    recent: Mapping[int, int], before: Mapping[int, int], ratio: float, limits: Thresholds, *, tests: int
) -> dict[str, float] | None:
    """Both medians, when the interval of the recent one lies beyond `ratio` times that of the one before."""
    if sum(recent.values()) < limits.recent_traces or sum(before.values()) < limits.baseline_traces:
        return None
    z = NormalDist().inv_cdf(1 - limits.level / (2 * tests))
    now, then = quantile_interval(recent, 0.5, z), quantile_interval(before, 0.5, z)
    medians = quantile(recent, 0.5), quantile(before, 0.5)
    if now is None or then is None or medians[0] is None or medians[1] is None:
        return None
    beyond = now[0] > then[1] * ratio if ratio > 1 else now[1] < then[0] * ratio
    return {"median": medians[0], "median_before": medians[1]} if beyond else None
