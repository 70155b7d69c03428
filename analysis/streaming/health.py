"""How an agent is doing, from the counts of its last minutes: rates with their intervals, times, errors.

Pure: the same buckets give the same answer. All counts are exact; quantiles are within the accuracy of the sketches.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from analysis.statistics import wilson
from analysis.streaming.bucket import decode
from analysis.streaming.counting import Counts, Key
from analysis.streaming.sketch import RELATIVE_ACCURACY, quantile
from domain.following import SavedBucket

_USUAL, _FEWEST_RUNS = 0.8, 5  # as `analysis.outcomes` has them
_NS = 1e9
_TOP = 20


@dataclass(frozen=True)
class Quantiles:
    """The median and the 95 % quantile of seconds or tokens; None without values."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True)
class ToolHealth:
    """The calls of one tool; `low` and `high` are the 95 % Wilson interval of the share that fails."""

    tool: str
    calls: int
    failures: int
    rate: float
    low: float
    high: float
    unrecovered: int  # failures after which the tool never succeeded in the same scope
    repeated: int  # calls with the arguments and outcome of others in their scope
    in_streaks: int  # calls in long runs of the tool that brought nothing new
    seconds: Quantiles


@dataclass(frozen=True)
class ModelHealth:
    """The calls of one model."""

    model: str
    calls: int
    seconds: Quantiles


@dataclass(frozen=True)
class SignatureHealth:
    """Failures with one cause; `retries` directly followed one of them, and `fruitless` ones failed the same way."""

    kind: str
    tool: str
    error_type: str
    template: str
    spans: int
    traces: int
    retries: int
    fruitless: int


@dataclass(frozen=True)
class Health:
    """What was counted live of the traces that ended in [from_ns, to_ns)."""

    from_ns: int
    to_ns: int
    traces: int
    failing_traces: int  # by root status or structure; verdicts are read by reports only
    failing_low: float
    failing_high: float
    spans: int
    error_spans: int
    leaf_errors: int
    model_calls: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    told_answers: int  # answers that say how they ended
    cut_answers: int
    unrooted_traces: int
    hanging_traces: int  # roots that never ended
    missing_parents: int
    overflowed_traces: int  # too long to be followed: counted in `traces` and `spans` only
    trace_seconds: Quantiles
    trace_tokens: Quantiles
    tools: tuple[ToolHealth, ...]  # most calls first
    models: tuple[ModelHealth, ...]
    signatures: tuple[SignatureHealth, ...]  # most spans first, at most 20
    accuracy: float = RELATIVE_ACCURACY  # of the quantiles


def health(buckets: Iterable[SavedBucket], from_ns: int, to_ns: int) -> Health:
    """The health of the agents of these buckets together, of what starts in [from_ns, to_ns)."""
    counts, failing = total(each for each in buckets if from_ns <= each.start_ns < to_ns)
    traces = counts["traces",]
    low, high = wilson(failing, traces)
    return Health(
        from_ns=from_ns,
        to_ns=to_ns,
        traces=traces,
        failing_traces=failing,
        failing_low=low,
        failing_high=high,
        spans=counts["spans",],
        error_spans=counts["error_spans",],
        leaf_errors=counts["leaf_errors",],
        model_calls=counts["llm_calls",],
        tool_calls=sum(of(counts, "calls").values()),
        input_tokens=counts["input_tokens",],
        output_tokens=counts["output_tokens",],
        told_answers=counts["told_answers",],
        cut_answers=counts["cut_answers",],
        unrooted_traces=counts["unrooted",],
        hanging_traces=counts["roots_not_ended",],
        missing_parents=counts["parents_missing",],
        overflowed_traces=counts["overflowed",],
        trace_seconds=_quantiles(bins(counts, "trace_duration").get((), {}), _NS),
        trace_tokens=_quantiles(bins(counts, "trace_tokens").get((), {}), 1),
        tools=tuple(_tools(counts)),
        models=tuple(_models(counts)),
        signatures=tuple(_signatures(counts))[:_TOP],
    )


def total(buckets: Iterable[SavedBucket]) -> tuple[Counts, int]:
    """The sum of some buckets, and how many traces failed: what decides that is decided for each agent."""
    by_agent: dict[str, Counts] = defaultdict(Counter)
    for each in buckets:
        by_agent[each.agent_uuid].update(decode(each.body).counts)
    together: Counts = Counter()
    for counts in by_agent.values():
        together.update(counts)
    return together, sum(map(failing_traces, by_agent.values()))


def failing_traces(counts: Counts) -> int:
    """Failing traces of one agent: by root status if any root failed, else by structure (`analysis.outcomes`)."""
    if counts["root_failed",]:
        return counts["root_failed",]
    failing = counts["broken",]
    if (
        2 * (counts["traces",] - counts["overflowed",] - counts["unrooted",])
        > counts["traces",] - counts["overflowed",]
    ):
        failing += counts["unrooted",] - counts["unrooted_broken",]
    known = counts["answerable",]
    if known >= _FEWEST_RUNS and known - counts["unanswered",] >= _USUAL * known:
        failing += counts["unanswered",] - counts["unanswered_broken",]
    return failing


def of(counts: Counts, measure: str) -> Mapping[Key, int]:
    """The counts of one measure by what they are of."""
    return {key[1:]: count for key, count in counts.items() if key[0] == measure}


def bins(counts: Counts, measure: str) -> Mapping[Key, Mapping[int, int]]:
    """The sketches of one measure by what they are of."""
    found: dict[Key, dict[int, int]] = defaultdict(dict)
    for key, count in of(counts, measure).items():
        found[key[:-1]][int(key[-1])] = count
    return found


def _quantiles(sketch: Mapping[int, int], unit: float) -> Quantiles:
    middle, high = quantile(sketch, 0.5), quantile(sketch, 0.95)
    return Quantiles(None if middle is None else middle / unit, None if high is None else high / unit)


def _tools(counts: Counts) -> Iterator[ToolHealth]:
    sketches = bins(counts, "call_duration")
    for (tool,), calls in sorted(of(counts, "calls").items(), key=lambda item: (-item[1], item[0])):
        failures = counts["failures", tool]
        low, high = wilson(failures, calls)
        yield ToolHealth(
            str(tool),
            calls,
            failures,
            failures / calls,
            low,
            high,
            counts["unrecovered", tool],
            counts["repeated", tool],
            counts["in_streaks", tool],
            _quantiles(sketches[tool,], _NS),
        )


def _models(counts: Counts) -> Iterator[ModelHealth]:
    sketches = bins(counts, "model_duration")
    for (model,), sketch in sorted(sketches.items(), key=lambda item: (-sum(item[1].values()), item[0])):
        yield ModelHealth(str(model), sum(sketch.values()), _quantiles(sketch, _NS))


def _signatures(counts: Counts) -> Iterator[SignatureHealth]:
    for key, spans in sorted(of(counts, "errors").items(), key=lambda item: (-item[1], item[0])):
        kind, tool, error_type, template = map(str, key)
        counted = (counts[(measure, *key)] for measure in ("error_traces", "retries", "fruitless"))
        traces, retries, fruitless = counted
        yield SignatureHealth(kind, tool, error_type, template, spans, traces, retries, fruitless)
