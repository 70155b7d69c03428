"""Splits: the same count for each value of one property, so that a reader sees what the failing ones share.

How many spans have each value is counted once for a population (the calls of a tool, the spans of a kind) and
shared by all that look at it; a split then costs no more than the affected spans it counts.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

from analysis.detecting import Measure, SpanRef, SplitCount
from analysis.facts import FactWindow, SpanFact
from analysis.groups import calls_by_tool, refs, spans_by_kind, trace_count
from domain.spans import SpanKind

NOT_RECORDED = "(not recorded)"
OTHERS = "(others)"
NO_ARGUMENTS = "[]"
"""The argument keys of a call with an empty object."""
ORIGIN = ("service", "version")
WHO = ("model", "agent", *ORIGIN)
_MAX_VALUES = 50

_PROPERTIES: Mapping[str, Callable[[SpanFact], str]] = {
    name: attrgetter(name) for name in ("argument_keys", "model", "agent", "service", "version")
}


@dataclass(frozen=True)
class Population:
    """Spans that could show a failure: how many, in how many traces, and how many with each value of a property.

    Values stand in order of how many spans have them.
    """

    size: int
    traces: int
    values: Mapping[str, Mapping[str, int]]


NOBODY = Population(0, 0, {})


def population(spans: Sequence[SpanFact], properties: Iterable[str]) -> Population:
    """The population of some spans; `properties` name what it can be split by."""
    counts = _counted(spans, tuple(properties))
    values = {name: _commonest_first(own) for name, own in counts.items()}
    return Population(len(spans), trace_count(spans), values)


def _counted(spans: Sequence[SpanFact], properties: tuple[str, ...]) -> Mapping[str, Counter[str]]:
    """How many spans have each value of each property; all are read at once, since few combinations occur."""
    if len(properties) < 2:
        return {name: Counter(map(_PROPERTIES[name], spans)) for name in properties}
    found: dict[str, Counter[str]] = {name: Counter() for name in properties}
    for values, count in Counter(map(attrgetter(*properties), spans)).items():
        for name, value in zip(properties, values, strict=True):
            found[name][value] += count
    return found


def _commonest_first(counts: Mapping[str, int]) -> Mapping[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def tool_populations(window: FactWindow) -> Mapping[str, Population]:
    """The calls of each tool."""
    return {tool: population(calls, ("argument_keys", *ORIGIN)) for tool, calls in window.once(calls_by_tool).items()}


def kind_populations(window: FactWindow) -> Mapping[SpanKind, Population]:
    """The spans of each kind."""
    found = {}
    for kind, spans in window.once(spans_by_kind).items():
        own = ("model",) if kind is SpanKind.LLM else ("agent",) if kind is SpanKind.AGENT else ()
        found[kind] = population(spans, (*own, *ORIGIN))
    return found


def splits(of: Population, affected: Iterable[SpanFact]) -> tuple[SplitCount, ...]:
    """Affected of a population for each value of its properties.

    A property that all share splits nothing and is left out; argument keys are shown even then, and left out
    only where none were recorded.
    """
    hits = tuple(affected)
    found: list[SplitCount] = []
    for name, values in of.values.items():
        if len(values) > 1 or (name == "argument_keys" and any(values)):
            found += _split(name, values, Counter(map(_PROPERTIES[name], hits)))
    return tuple(found)


def _split(by: str, totals: Mapping[str, int], hits: Mapping[str, int]) -> Iterable[SplitCount]:
    """Most affected first; beyond fifty values the rest is one line, `(others)`. `totals`: commonest first."""
    shown = sorted((name for name in hits if hits[name]), key=lambda name: (-hits[name], -totals[name], name))
    shown += islice((name for name in totals if not hits.get(name)), max(_MAX_VALUES - len(shown), 0))
    for name in shown[:_MAX_VALUES]:
        yield SplitCount(by, name or NOT_RECORDED, hits.get(name, 0), totals[name])
    if len(totals) > _MAX_VALUES:
        affected = sum(hits[name] for name in shown[_MAX_VALUES:])
        rest = sum(totals.values()) - sum(totals[name] for name in shown[:_MAX_VALUES])
        yield SplitCount(by, OTHERS, affected, rest)


def measured(
    spans: Sequence[SpanFact],
    affected: Sequence[SpanFact],
    wasted: frozenset[SpanRef],
    properties: Iterable[str] = ORIGIN,
    own: Sequence[SplitCount] = (),
) -> Measure:
    """Affected of these spans, split by properties after a detector's own splits."""
    of = population(spans, properties)
    return Measure(refs(affected), of.size, of.traces, wasted, (*own, *splits(of, affected)))


def split_by(
    by: str, spans: Iterable[SpanFact], affected: Set[SpanRef], value: Callable[[SpanFact], str]
) -> tuple[SplitCount, ...]:
    """Affected of these spans for each value; nothing when all share one."""
    totals: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for span in spans:
        name = value(span)
        totals[name] += 1
        hits[name] += span.ref in affected
    return tuple(_split(by, _commonest_first(totals), hits)) if len(totals) > 1 else ()


def contrast(splits: Iterable[SplitCount]) -> str:
    """What separates failing from succeeding calls, in one sentence; "" where argument keys were not recorded."""
    keys = [split for split in splits if split.by == "argument_keys" and split.value != NOT_RECORDED]
    if not keys:
        return ""
    failing = [split for split in keys if split.affected == split.opportunities]
    working = [split for split in keys if not split.affected]
    hits, passes = sum(split.affected for split in failing), sum(split.opportunities for split in working)
    if len(keys) == 1:
        return f"All calls carry the same argument keys, {_named(keys)}; the keys do not tell failures from successes."
    if not failing or len(failing) + len(working) < len(keys):
        worst = max(keys, key=lambda split: (split.affected / split.opportunities, split.affected))
        return (
            f"The argument keys separate failures from successes only in part: "
            f"{_named([worst])} fails in {worst.affected} of {worst.opportunities} calls."
        )
    if not working:
        return f"No set of argument keys works: {_named(keys)} all fail."
    if [split.value for split in working] == [NO_ARGUMENTS]:
        return (
            f"Every call that carries an argument fails ({hits} of {hits}: keys {_named(failing)}); "
            f"with an empty argument object it succeeds ({passes} of {passes})."
        )
    return (
        f"Calls with the argument keys {_named(failing)} always fail ({hits} of {hits}); "
        f"with {_named(working)} they succeed ({passes} of {passes})."
    )


def _named(splits: Sequence[SplitCount], most: int = 4) -> str:
    """The key sets as people would write them: `{"": …}` for '[""]'."""
    names = [_object(split.value) for split in splits[:most]]
    more = len(splits) - most
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _object(keys: str) -> str:
    try:
        listed = json.loads(keys)
    except ValueError:
        return keys
    return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: …" for key in listed) + "}"
