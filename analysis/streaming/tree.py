"""How the spans of an open trace hang together: parents, scopes, leaves, failures and the agent they belong to.

The rules are those of `analysis.primitives`, `analysis.failures` and of the window's roll-up, on packed records. A
trace whose parents all began before their children, as nearly all do, is walked once; the primitives themselves
put the others in order.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from analysis.primitives import NONE, Node, parent_positions, top_down
from analysis.streaming.open_trace import NO_PARENT, Record, Word, has_failed
from domain.spans import OWN_SERVICE, SpanKind, SpanStatus, agent_uuid

_ACTIONS = frozenset((SpanKind.LLM, SpanKind.TOOL, SpanKind.RETRIEVER, SpanKind.EMBEDDING, SpanKind.RERANKER))
_MAX_DEPTH = 100
Cause = tuple[str, str]
"""(error type, template)."""
_Source = tuple[str, str | None, str | None]


class Tree(NamedTuple):
    """A trace's spans by start, and what holds between them, position by position."""

    records: Sequence[Record]
    words: Sequence[Word]
    positions: dict[bytes, int]
    parents: Sequence[int]  # without circles
    scopes: Sequence[int]
    leaf_llms: frozenset[int]
    failures: dict[int, Cause]
    leaf_errors: int

    def name(self, at: int) -> str:
        """The tool of a TOOL span; of a span of no kind its name."""
        return str(self.words[self.records[at].name])


def tree(records: Sequence[Record], words: Sequence[Word]) -> Tree:
    """The relations of a trace."""
    positions = {record.span_id: at for at, record in enumerate(records)}
    parents, order = _parents(records, positions)
    leaves = _leaf_errors(records, parents)
    return Tree(
        records,
        words,
        positions,
        parents,
        _scopes(records, parents, order),
        _leaf_llms(records, parents),
        _failures(records, words, positions, leaves),
        len(leaves),
    )


def _parents(records: Sequence[Record], positions: dict[bytes, int]) -> tuple[Sequence[int], Sequence[int]]:
    """Parents, and an order in which they come before their children."""
    parents = [positions.get(record.parent_id, NONE) for record in records]
    if all(map(int.__lt__, parents, range(len(parents)))):
        return parents, range(len(parents))
    nodes = [
        Node(
            record.span_id.hex(),
            "" if record.parent_id == NO_PARENT else record.parent_id.hex(),
            SpanKind(record.kind),
            SpanStatus.UNSET,
            record.start_ns,
            record.end_ns,
        )
        for record in records
    ]
    parents = parent_positions(nodes)
    return parents, top_down(parents)


def _scopes(records: Sequence[Record], parents: Sequence[int], order: Sequence[int]) -> list[int]:
    found = [NONE] * len(records)
    for at in order:
        if records[at].kind == SpanKind.AGENT:
            found[at] = at
        elif parents[at] != NONE:
            found[at] = found[parents[at]]
    return found


def _leaf_llms(records: Sequence[Record], parents: Sequence[int]) -> frozenset[int]:
    llms = [at for at, record in enumerate(records) if record.kind == SpanKind.LLM]
    holding: set[int] = set()
    for at in llms:
        above = parents[at]
        while above != NONE and above not in holding:
            holding.add(above)
            above = parents[above]
    return frozenset(at for at in llms if at not in holding)


def _leaf_errors(records: Sequence[Record], parents: Sequence[int]) -> list[int]:
    failed = [at for at, record in enumerate(records) if has_failed(record)]
    reraised = {parents[at] for at in failed}
    return [at for at in failed if at not in reraised]


def _failures(
    records: Sequence[Record], words: Sequence[Word], positions: dict[bytes, int], leaves: Sequence[int]
) -> dict[int, Cause]:
    """What failed of itself; plumbing is lifted to the call it broke (`analysis.failures`)."""
    found: dict[int, Cause] = {}
    for leaf in leaves:
        at = _blamed(records, positions, leaf)
        if at not in found or not found[at][1]:
            own, below = _cause(words, records[at]), _cause(words, records[leaf])
            found[at] = own[0] or below[0], own[1] or below[1]
    return found


def _blamed(records: Sequence[Record], positions: dict[bytes, int], leaf: int) -> int:
    at = leaf
    for _ in range(_MAX_DEPTH):
        record = records[at]
        if record.kind in _ACTIONS:
            return at
        above = positions.get(record.parent_id, NONE)
        if record.kind == SpanKind.AGENT or above == NONE or not has_failed(records[above]):
            return leaf
        at = above
    return leaf


def _cause(words: Sequence[Word], record: Record) -> Cause:
    word = words[record.cause]
    return (str(word[0]), str(word[1])) if word else ("", "")


def owner(found: Tree) -> str:
    """The uuid of the agent that a trace belongs to, as the window has it; "" when only HALO's own spans are in it."""
    records = found.records
    sources = [_source(word) for word in found.words]
    agents = [at for at, record in enumerate(records) if record.kind == SpanKind.AGENT and _names(sources, record)]
    named = {(sources[records[at].source][0], _names(sources, records[at])) for at in agents}
    if len(named) > 1:
        outermost = records[_outermost(found, agents)]
        named = {(sources[outermost.source][0], _names(sources, outermost))}
    if named:
        return _uuid(*named.pop())
    root = min((record for record in records if record.parent_id == NO_PARENT), key=_age, default=None)
    if root is None or sources[root.source][0] == OWN_SERVICE:
        root = min((record for record in records if sources[record.source][0] != OWN_SERVICE), key=_age, default=None)
    return "" if root is None else _uuid(sources[root.source][0], None)


def named_owner(source: Word) -> str:
    """The uuid of the one agent of a trace that its source names; "" when it names none."""
    service, agent_id, agent_name = _source(source)
    name = agent_id or agent_name
    return _uuid(service, name) if name and service != OWN_SERVICE else ""


def _names(sources: Sequence[_Source], record: Record) -> str | None:
    """What an AGENT span is known by; None for HALO's own."""
    service, agent_id, agent_name = sources[record.source]
    return None if service == OWN_SERVICE else agent_id or agent_name


def _source(word: Word) -> _Source:
    return (str(word[0]), word[1], word[2]) if isinstance(word, tuple) and len(word) == 3 else ("", None, None)


_uuid = lru_cache(maxsize=4_096)(agent_uuid)


def _age(record: Record) -> tuple[int, int]:
    return record.start_ns, _number(record)


def _number(record: Record) -> int:
    return int.from_bytes(record.span_id, "big", signed=True)


def _outermost(found: Tree, agents: Sequence[int]) -> int:
    """Of some spans the one with the fewest ancestors, then the oldest."""
    depths: dict[int, int] = {}
    ordered = sorted(agents, key=lambda at: _number(found.records[at]))
    return min(ordered, key=lambda at: (_depth(found, at, depths), *_age(found.records[at])))


def _depth(found: Tree, at: int, depths: dict[int, int]) -> int:
    """How many ancestors a span has; in a circle, how many until one is met again."""
    path, met, known = [at], {at}, -1
    for above in _ancestors(found, at):
        if above in depths or above in met:
            known = depths.get(above, -1)
            break
        path.append(above)
        met.add(above)
    for step in reversed(path):
        known += 1
        depths[step] = known
    return known


def _ancestors(found: Tree, at: int) -> Iterator[int]:
    while (above := found.positions.get(found.records[at].parent_id, at)) != at:
        yield above
        at = above
