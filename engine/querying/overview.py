"""The overview of a window: totals, names, health, and every error; computed in SQL, from all traces that are meant."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from domain.claims import Scalar
from domain.halo_lines import time_text
from engine.querying.bounding import cut
from engine.querying.memory import Answered, size_of
from engine.querying.selecting import Meant
from engine.querying.statements import integer, listed, rows_of
from engine.window import TraceWindow

SAMPLES = 20
_GROUPS, _EXAMPLES, _TEXT_CHARS = 20, 3, 200
_NAMES_LISTED = (200, 50, 5)  # as many of a kind as leave the answer within its bytes
_TOTALS = (
    "SELECT count(*), sum(spans), sum(error_spans > 0), sum(error_spans), sum(input_tokens), sum(output_tokens),"
    " sum(bytes), min(start_ns), max(end_ns) FROM traces WHERE {condition}"
)
_HEALTH = "SELECT sum(parent_missing), sum(agent IS NULL) FROM spans WHERE {condition}"
_NAMES = "SELECT DISTINCT service, model, agent, agent_id FROM spans WHERE {condition}"
_ERRORS = (
    "SELECT name, error, kind, position, count(*) FROM spans WHERE status = 'ERROR' AND {condition}"
    " GROUP BY name, error, kind, position ORDER BY position"
)
_IDS = "SELECT position, trace_id, source_id FROM traces WHERE {condition} ORDER BY position LIMIT {limit}"


def overview(window: TraceWindow, traces: Meant, room_bytes: int) -> Answered:
    """What `get_dataset_overview` answers."""
    with ThreadPoolExecutor(1) as beside:  # the two long statements, each on a connection of its own
        health = beside.submit(_health, window, traces)
        names = _names(window, traces)
        sums, start_ns, end_ns = _totals(window, traces)
        taxonomy = _Taxonomy(window, traces)
        missing_parents, without_agent = health.result()
    samples = _samples(window, traces)
    examples = _ids(window, sorted(taxonomy.examples))
    values = {
        "total_traces": sums[0],
        "total_spans": sums[1],
        "earliest_start_time": None if start_ns is None else time_text(start_ns),
        "latest_end_time": None if end_ns is None else time_text(end_ns),
        **names,
        "error_trace_count": sums[2],
        "missing_parent_count": missing_parents,
        "missing_agent_identity_count": without_agent,
        "project_id_mismatch_count": None,
        "otel_error_span_count": sums[3],
        "tool_error_span_count": taxonomy.tool_errors,
        "error_taxonomy": taxonomy.told({position: source for position, (_, source) in examples.items()}),
        "error_taxonomy_left_out": taxonomy.left_out,
        "total_input_tokens": sums[4],
        "total_output_tokens": sums[5],
        "raw_jsonl_bytes": sums[6],
        "sample_trace_ids": [source for _, source in samples.values()],
        "not_derived": ["project_id_mismatch_count"],
        **traces.told,
    }
    return Answered(
        _held(values, names, room_bytes), frozenset(each for pair in (samples | examples).values() for each in pair)
    )


def _totals(window: TraceWindow, traces: Meant) -> tuple[list[int], int | None, int | None]:
    sums, times = Counter[int](), []
    for condition, args in traces.conditions():
        *found, start_ns, end_ns = rows_of(window, _TOTALS.format(condition=condition), args)[0]
        sums.update(dict(enumerate(map(integer, found))))
        times += [integer(each) for each in (start_ns, end_ns) if each is not None]
    return [sums[at] for at in range(7)], min(times, default=None), max(times, default=None)


def _names(window: TraceWindow, traces: Meant) -> dict[str, list[str]]:
    keys = ("service_names", "model_names", "agent_names", "agent_ids")
    found: dict[str, set[str]] = {key: set() for key in keys}
    for condition, args in traces.span_conditions():
        for row in rows_of(window, _NAMES.format(condition=condition), args):
            for key, value in zip(keys, row, strict=True):
                if value:
                    found[key].add(str(value))
    return {key: sorted(values) for key, values in found.items()}


def _held(values: dict[str, Any], names: dict[str, list[str]], room_bytes: int) -> dict[str, Any]:
    """An overview with as many names as fit, and how many there are more."""
    for most in _NAMES_LISTED:
        left = {key: len(found) - most for key, found in names.items() if len(found) > most}
        shown = {key: [cut(name, _TEXT_CHARS) for name in found[:most]] for key, found in names.items()}
        values = {**values, **shown, **({"names_left_out": left} if left else {})}
        if size_of(values) <= room_bytes:
            break
    return values


def _health(window: TraceWindow, traces: Meant) -> tuple[int, int]:
    missing_parents = without_agent = 0
    for condition, args in traces.span_conditions():
        found = rows_of(window, _HEALTH.format(condition=condition), args)[0]
        missing_parents += integer(found[0])
        without_agent += integer(found[1])
    return missing_parents, without_agent


class _Taxonomy:
    """The error spans that are meant, by span name and masked error text."""

    def __init__(self, window: TraceWindow, traces: Meant) -> None:
        self.tool_errors = 0
        self._spans: Counter[tuple[Scalar, Scalar]] = Counter()
        self._traces: dict[tuple[Scalar, Scalar], dict[int, None]] = {}
        for condition, args in traces.span_conditions():
            for name, error, kind, position, count in rows_of(window, _ERRORS.format(condition=condition), args):
                group = name, error or ""
                self._spans[group] += integer(count)
                self._traces.setdefault(group, {})[integer(position)] = None
                self.tool_errors += integer(count) if kind == "TOOL" else 0
        self._top = sorted(self._spans.items(), key=lambda each: -each[1])[:_GROUPS]

    @property
    def examples(self) -> set[int]:
        """Positions of the traces that are named."""
        return {position for group, _ in self._top for position in list(self._traces[group])[:_EXAMPLES]}

    @property
    def left_out(self) -> dict[str, int]:
        """What is not among the groups that are told."""
        told = sum(spans for _, spans in self._top)
        return {"groups": len(self._spans) - len(self._top), "error_spans": self._spans.total() - told}

    def told(self, names: dict[int, str]) -> list[dict[str, Any]]:
        """The largest groups, with traces as people name them."""
        return [
            {
                "span_name": cut(str(group[0]), _TEXT_CHARS),
                "status_message": str(group[1])[:_TEXT_CHARS],
                "error_span_count": spans,
                "trace_count": len(self._traces[group]),
                "example_trace_ids": [names[at] for at in list(self._traces[group])[:_EXAMPLES] if at in names],
            }
            for group, spans in self._top
        ]


def _samples(window: TraceWindow, traces: Meant) -> dict[int, tuple[str, str]]:
    """The first traces, as `_ids` tells them."""
    for condition, args in traces.conditions():
        rows = rows_of(window, _IDS.format(condition=condition, limit=SAMPLES), args)
        return {integer(position): (str(trace_id), str(source_id)) for position, trace_id, source_id in rows}
    return {}


def _ids(window: TraceWindow, positions: list[int]) -> dict[int, tuple[str, str]]:
    """Trace ids by position: the hexadecimal one and the one of the file."""
    found: dict[int, tuple[str, str]] = {}
    for condition in listed(positions):
        rows = rows_of(window, _IDS.format(condition=condition, limit=len(positions)))
        found.update((integer(position), (str(trace_id), str(source))) for position, trace_id, source in rows)
    return found
