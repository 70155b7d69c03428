"""What follows what within a scope: failures made good, retries, repeated calls, streaks of one tool.

The rules are those of the batch detectors (unrecovered_error, retry_storm, repeated_calls, same_tool_streak) with
their default thresholds, told by equal hashes alone: that two results are nearly alike takes their text.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from analysis.streaming.open_trace import Record, has_failed
from analysis.streaming.tree import Tree
from domain.spans import SpanKind

MIN_REPEATS = 3
MIN_STREAK = 5
_TOOL, _AGENT, _UNKNOWN = SpanKind.TOOL, SpanKind.AGENT, SpanKind.UNKNOWN
Signature = tuple[str, str, str, str]
"""(kind, tool, error type, template)."""


def signature(found: Tree, at: int) -> Signature:
    """What a failure shares with others like it."""
    record = found.records[at]
    tool = found.name(at) if record.kind == _TOOL else ""
    return (SpanKind(record.kind).name, tool, *found.failures[at])


def unrecovered(found: Tree) -> set[int]:
    """Failures after which nothing of the same sort began well in their scope (`analysis.failures`)."""
    last_success: dict[tuple[object, ...], int] = {}
    kinds = {found.records[at].kind for at in found.failures}
    for at, record in enumerate(found.records):
        if record.kind in kinds and not has_failed(record):
            key = _sort_of(found, at, record)
            last_success[key] = max(record.start_ns, last_success.get(key, -1))
    lost = set()
    for at in found.failures:
        record = found.records[at]
        if last_success.get(_sort_of(found, at, record), -1) < max(record.end_ns, record.start_ns):
            lost.add(at)
    return lost


def _sort_of(found: Tree, at: int, record: Record) -> tuple[object, ...]:
    name = record.name if record.kind in (_TOOL, _UNKNOWN) else 0
    return record.parent_id if record.kind == _AGENT else found.scopes[at], record.kind, name


def repetitions(found: Tree, calls: Sequence[int]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Counts of fruitless retries, repeated calls and streaks; `calls` are the TOOL spans by start."""
    models = sorted(found.leaf_llms) if found.failures else ()
    for sequence in _by_scope(found, models):
        yield from _retries(found, sequence)
    for sequence in _by_scope(found, calls):
        if len(sequence) > 1:
            if found.failures:
                yield from _retries(found, sequence)
            yield from _repeats(found, sequence)
            if len(sequence) >= MIN_STREAK:
                yield from _streaks(found, sequence)


def _by_scope(found: Tree, spans: Iterable[int]) -> Iterable[Sequence[int]]:
    by_scope: dict[int, list[int]] = defaultdict(list)
    for at in spans:
        by_scope[found.scopes[at]].append(at)
    return by_scope.values()


def _retries(found: Tree, sequence: Sequence[int]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Calls right after a failed one of the same tool, and those of them that fail in the same way."""
    for before, again in pairwise(sequence):
        cause = found.failures.get(before)
        if cause is not None and found.records[before].name == found.records[again].name:
            key = (SpanKind(found.records[before].kind).name, found.name(before), *cause)
            yield ("retries", *key), 1
            yield ("fruitless", *key), int(found.failures.get(again) == cause)


def _repeats(found: Tree, sequence: Sequence[int]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Calls with equal arguments and outcome: all of three or more, of two those that follow each other."""
    outcomes = [found.failures.get(at) or found.records[at].second for at in sequence]
    if len(set(outcomes)) == len(outcomes):
        return
    groups: dict[object, list[int]] = defaultdict(list)
    for place, at in enumerate(sequence):
        record = found.records[at]
        if record.first and outcomes[place]:
            groups[record.name, record.first, outcomes[place]].append(place)
    for places in groups.values():
        if len(places) >= MIN_REPEATS:
            yield ("repeated", found.name(sequence[places[0]])), len(places)
        elif len(places) > 1:
            pairs = [pair for pair in pairwise(places) if pair[1] == pair[0] + 1]
            if pairs:
                yield ("repeated", found.name(sequence[places[0]])), len({place for pair in pairs for place in pair})


def _streaks(found: Tree, sequence: Sequence[int]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Calls in runs of one tool with differing arguments that all failed or all had one result."""
    for _, calls in groupby(sequence, key=lambda at: found.records[at].name):
        run = list(calls)
        records = [found.records[at] for at in run]
        if len(run) >= MIN_STREAK and len({record.first for record in records}) > 1:
            results = {record.second for record in records}
            if all(at in found.failures for at in run) or (len(results) == 1 and 0 not in results):
                yield ("in_streaks", found.name(run[0])), len(run)
