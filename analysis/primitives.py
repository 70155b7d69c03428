"""Scope, issuer and leaf: the primitives that most detectors rest on.

Spans are known by their position in a trace here, -1 meaning none. Parents may be missing, repeated or run in
circles; `parent_positions` makes a forest of them, and everything after it is linear in the number of spans
(issuers: n log n), without recursion.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.spans import SpanKind, SpanStatus

NONE = -1
_ACTIONS = frozenset((SpanKind.TOOL, SpanKind.AGENT, SpanKind.RETRIEVER))


class Node(NamedTuple):
    """What the primitives need of a span; `requested` are the tool call ids that an LLM span asked for."""

    span_id: str
    parent_id: str
    kind: SpanKind
    status: SpanStatus
    start_ns: int
    end_ns: int
    call_id: str = ""
    requested: tuple[str, ...] = ()


def parent_positions(nodes: Sequence[Node]) -> list[int]:
    """The position of every span's parent; a parent that would close a circle counts as none.

    Of several spans with one id the first is the parent.
    """
    positions: dict[str, int] = {}
    for at, node in enumerate(nodes):
        positions.setdefault(node.span_id, at)
    parents = [positions.get(node.parent_id, NONE) if node.parent_id else NONE for node in nodes]
    settled = [False] * len(nodes)
    on_path: set[int] = set()
    for start in range(len(nodes)):
        at, path = start, []
        while at != NONE and not settled[at]:
            path.append(at)
            on_path.add(at)
            if parents[at] in on_path:
                parents[at] = NONE
            at = parents[at]
        for seen in path:
            settled[seen] = True
        on_path.clear()
    return parents


def top_down(parents: Sequence[int]) -> list[int]:
    """Positions in an order in which parents come before their children."""
    children: list[list[int]] = [[] for _ in parents]
    order: list[int] = []
    for at, parent in enumerate(parents):
        if parent == NONE:
            order.append(at)
        else:
            children[parent].append(at)
    for at in order:  # the list grows while it is walked: a queue
        order.extend(children[at])
    return order


def scopes(nodes: Sequence[Node], parents: Sequence[int], order: Sequence[int]) -> list[int]:
    """The nearest AGENT ancestor or self; NONE when the trace is the scope. Sub-agents must not be mixed."""
    found = [NONE] * len(nodes)
    for at in order:
        if nodes[at].kind is SpanKind.AGENT:
            found[at] = at
        elif parents[at] != NONE:
            found[at] = found[parents[at]]
    return found


def leaf_errors(nodes: Sequence[Node], parents: Sequence[int]) -> list[bool]:
    """ERROR spans without an ERROR child: frameworks raise one failure through every span above it."""
    found = [node.status is SpanStatus.ERROR for node in nodes]
    for at, parent in enumerate(parents):
        if parent != NONE and nodes[at].status is SpanStatus.ERROR:
            found[parent] = False
    return found


def leaf_llms(nodes: Sequence[Node], parents: Sequence[int], order: Sequence[int]) -> list[bool]:
    """LLM spans without an LLM descendant: wrappers repeat the tokens of the calls inside them."""
    holds_llm = [False] * len(nodes)
    found = [False] * len(nodes)
    for at in reversed(order):
        is_llm = nodes[at].kind is SpanKind.LLM
        found[at] = is_llm and not holds_llm[at]
        if parents[at] != NONE and (is_llm or holds_llm[at]):
            holds_llm[parents[at]] = True
    return found


@dataclass
class _Calls:
    """LLM spans by end time."""

    ends: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)

    def last_before(self, moment: int) -> int:
        """The position of the latest LLM span that ended by a moment."""
        at = bisect_right(self.ends, moment)
        return self.positions[at - 1] if at else NONE


@dataclass(frozen=True)
class Structure:
    """A trace's primitives, position by position."""

    parents: Sequence[int]
    scopes: Sequence[int]
    leaf_errors: Sequence[bool]
    leaf_llms: Sequence[bool]
    issuers: Sequence[int]


def structure(nodes: Sequence[Node]) -> Structure:
    """All primitives of one trace."""
    parents = parent_positions(nodes)
    order = top_down(parents)
    scope_of = scopes(nodes, parents, order)
    is_leaf_llm = leaf_llms(nodes, parents, order)
    found = issuers(nodes, parents, order, scope_of, is_leaf_llm)
    return Structure(parents, scope_of, leaf_errors(nodes, parents), is_leaf_llm, found)


def issuers(
    nodes: Sequence[Node],
    parents: Sequence[int],
    order: Sequence[int],
    scope_of: Sequence[int],
    is_leaf_llm: Sequence[bool],
) -> list[int]:
    """For every action (TOOL, AGENT, RETRIEVER, or an ERROR that is no LLM's) the LLM span that asked for it.

    By tool call id first; else the LLM call inside a failed wrapper, or beside the action under the same parent;
    else the latest LLM call of the scope that ended before the action began; else the LLM span around it.
    """
    by_parent, by_scope = _by_end(nodes, parents, is_leaf_llm), _by_end(nodes, scope_of, is_leaf_llm)
    by_call, around = _by_call(nodes, is_leaf_llm), _llms_around(nodes, parents, order)
    found = [NONE] * len(nodes)
    for at in _actions(nodes):
        node, parent = nodes[at], parents[at]
        scope = scope_of[at] if node.kind is not SpanKind.AGENT else (scope_of[parent] if parent != NONE else NONE)
        issuer = _requester(nodes, by_call.get(node.call_id, ()), node.start_ns) if node.call_id else NONE
        if issuer == NONE and node.kind not in _ACTIONS and at in by_parent:
            issuer = by_parent[at].positions[-1]
        if issuer == NONE and parent != NONE and parent in by_parent:
            issuer = by_parent[parent].last_before(node.start_ns)
        if issuer == NONE and scope in by_scope and (node.kind is not SpanKind.AGENT or parent != NONE):
            issuer = by_scope[scope].last_before(node.start_ns)
        found[at] = around[at] if issuer == NONE else issuer
    return found


def _actions(nodes: Sequence[Node]) -> Iterator[int]:
    for at, node in enumerate(nodes):
        if node.kind in _ACTIONS or (node.status is SpanStatus.ERROR and node.kind is not SpanKind.LLM):
            yield at


def _by_end(nodes: Sequence[Node], groups: Sequence[int], is_leaf_llm: Sequence[bool]) -> dict[int, _Calls]:
    """Ended leaf LLM spans of every group, by end time."""
    found: dict[int, _Calls] = {}
    calls = [at for at, is_leaf in enumerate(is_leaf_llm) if is_leaf and nodes[at].end_ns]
    for at in sorted(calls, key=lambda at: (nodes[at].end_ns, nodes[at].start_ns, at)):
        group = found.setdefault(groups[at], _Calls())
        group.ends.append(nodes[at].end_ns)
        group.positions.append(at)
    return found


def _by_call(nodes: Sequence[Node], is_leaf_llm: Sequence[bool]) -> Mapping[str, list[int]]:
    """LLM spans by the call ids they asked for, by start time; a wrapper counts only where no call inside it does."""
    found: dict[str, list[int]] = {}
    for leaf in (True, False):
        late: dict[str, list[int]] = {}
        for at, node in enumerate(nodes):
            if node.kind is SpanKind.LLM and is_leaf_llm[at] is leaf:
                for call_id in node.requested:
                    if call_id and call_id not in found:
                        late.setdefault(call_id, []).append(at)
        found.update(late)
    for positions in found.values():
        positions.sort(key=lambda at: nodes[at].start_ns)
    return found


def _requester(nodes: Sequence[Node], candidates: Sequence[int], moment: int) -> int:
    """Of the LLM spans that asked for a call id the latest that began by a moment; ids are not always unique."""
    if not candidates:
        return NONE
    at = bisect_right(candidates, moment, key=lambda at: nodes[at].start_ns)
    return candidates[max(at - 1, 0)]


def _llms_around(nodes: Sequence[Node], parents: Sequence[int], order: Sequence[int]) -> list[int]:
    """The nearest LLM ancestor of every span."""
    found = [NONE] * len(nodes)
    for at in order:
        if (parent := parents[at]) != NONE:
            found[at] = parent if nodes[parent].kind is SpanKind.LLM else found[parent]
    return found
