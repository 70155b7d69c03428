"""The overview of a window: totals, names, health, and every error, of all traces that are meant."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from domain.contents import TraceContents, TraceNames
from domain.halo_lines import time_text
from engine.querying.bounding import cut
from engine.querying.contents import contents_of
from engine.querying.memory import Answered, size_of
from engine.querying.selecting import Meant, keep_total, positions_of
from engine.querying.statements import integer, listed, rows_of
from engine.window import TraceWindow

SAMPLES = 20
_GROUPS, _EXAMPLES, _TEXT_CHARS = 20, 3, 200
_NAME_KEYS = ("service_names", "model_names", "agent_names", "agent_ids")
_NAMES_LISTED = (200, 50, 5)  # as many of a kind as leave the answer within its bytes
_TOTALS = (
    "SELECT count(*), sum(spans), sum(error_spans > 0), sum(error_spans), sum(input_tokens), sum(output_tokens),"
    " sum(bytes), min(start_ns), max(end_ns) FROM traces WHERE {condition}"
)
_IDS = "SELECT position, trace_id, source_id FROM traces WHERE {condition} ORDER BY position"
_Group = tuple[str, str]


def overview(window: TraceWindow, traces: Meant, room_bytes: int) -> Answered:
    """What `get_dataset_overview` answers."""
    sums, start_ns, end_ns = _totals(window, traces)
    positions = positions_of(window, traces)
    if traces.scanned is None:
        keep_total(window, traces, sums[0])
    found = _Found(contents_of(window, positions))
    named = _ids(window, sorted({*positions[:SAMPLES], *found.examples}))
    names = found.names
    values = {
        "total_traces": sums[0],
        "total_spans": sums[1],
        "earliest_start_time": None if start_ns is None else time_text(start_ns),
        "latest_end_time": None if end_ns is None else time_text(end_ns),
        **names,
        "error_trace_count": sums[2],
        "missing_parent_count": found.missing_parents,
        "missing_agent_identity_count": found.without_agent,
        "project_id_mismatch_count": None,
        "otel_error_span_count": sums[3],
        "tool_error_span_count": found.tool_errors,
        "error_taxonomy": found.taxonomy({position: source for position, (_, source) in named.items()}),
        "error_taxonomy_left_out": found.left_out,
        "total_input_tokens": sums[4],
        "total_output_tokens": sums[5],
        "raw_jsonl_bytes": sums[6],
        "sample_trace_ids": [named[position][1] for position in positions[:SAMPLES] if position in named],
        "not_derived": ["project_id_mismatch_count"],
        **traces.told,
    }
    return Answered(_held(values, names, room_bytes), frozenset(each for pair in named.values() for each in pair))


def _totals(window: TraceWindow, traces: Meant) -> tuple[list[int], int | None, int | None]:
    sums, times = Counter[int](), []
    for condition, args in traces.conditions():
        *found, start_ns, end_ns = rows_of(window, _TOTALS.format(condition=condition), args)[0]
        sums.update(dict(enumerate(map(integer, found))))
        times += [integer(each) for each in (start_ns, end_ns) if each is not None]
    return [sums[at] for at in range(7)], min(times, default=None), max(times, default=None)


def _held(values: dict[str, Any], names: dict[str, list[str]], room_bytes: int) -> dict[str, Any]:
    """An overview with as many names as fit, and how many there are more."""
    for most in _NAMES_LISTED:
        left = {key: len(found) - most for key, found in names.items() if len(found) > most}
        shown = {key: [cut(name, _TEXT_CHARS) for name in found[:most]] for key, found in names.items()}
        values = {**values, **shown, **({"names_left_out": left} if left else {})}
        if size_of(values) <= room_bytes:
            break
    return values


class _Found:
    """What traces, in order of arrival, come to together; their errors by span name and masked text."""

    def __init__(self, traces: Iterable[TraceContents]) -> None:
        self.missing_parents = self.without_agent = self.tool_errors = 0
        self._names: dict[int, TraceNames] = {}
        self._spans: Counter[_Group] = Counter()
        self._traces: dict[_Group, list[int]] = {}
        for trace in traces:
            self.missing_parents += trace.missing_parents
            self.without_agent += trace.without_agent
            self._names[id(trace.names)] = trace.names  # shared by most traces, and held here, so that ids stay
            for name, error, spans, tool_calls in trace.errors:
                group = name, error
                self.tool_errors += tool_calls
                self._spans[group] += spans
                self._traces.setdefault(group, []).append(trace.position)
        self._top = sorted(self._spans.items(), key=lambda each: -each[1])[:_GROUPS]

    @property
    def names(self) -> dict[str, list[str]]:
        """All names by the key of the answer."""
        lists = zip(*self._names.values(), strict=True) if self._names else ((),) * len(_NAME_KEYS)
        return {key: sorted(set().union(*each)) for key, each in zip(_NAME_KEYS, lists, strict=True)}

    @property
    def examples(self) -> set[int]:
        """Positions of the traces that are named."""
        return {position for group, _ in self._top for position in self._traces[group][:_EXAMPLES]}

    @property
    def left_out(self) -> dict[str, int]:
        """What is not among the groups that are told."""
        told = sum(spans for _, spans in self._top)
        return {"groups": len(self._spans) - len(self._top), "error_spans": self._spans.total() - told}

    def taxonomy(self, names: dict[int, str]) -> list[dict[str, Any]]:
        """The largest groups, with traces as people name them."""
        return [
            {
                "span_name": cut(group[0], _TEXT_CHARS),
                "status_message": group[1][:_TEXT_CHARS],
                "error_span_count": spans,
                "trace_count": len(self._traces[group]),
                "example_trace_ids": [names[at] for at in self._traces[group][:_EXAMPLES] if at in names],
            }
            for group, spans in self._top
        ]


def _ids(window: TraceWindow, positions: list[int]) -> dict[int, tuple[str, str]]:
    """Trace ids by position: the hexadecimal one and the one of the file."""
    found: dict[int, tuple[str, str]] = {}
    for condition in listed(positions):
        rows = rows_of(window, _IDS.format(condition=condition))
        found.update((integer(position), (str(trace_id), str(source))) for position, trace_id, source in rows)
    return found
