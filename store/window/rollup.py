"""The sums of one trace, from its index rows alone: pure, and linear in the trace's length.

What counts once and what would count twice is decided here. An error is a leaf when no child of the span is
an ERROR span too (frameworks re-raise); tokens are those of LLM spans without an LLM span below (wrappers
repeat the sum). Rows come sorted by span id, so a parent is found by bisection in a flat array: a trace of a
million spans needs tens of megabytes, not hundreds.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.spans import SpanKind, SpanStatus

COLUMNS = (
    "span_id, parent_id, service, name, kind, status, start_ns, duration_ns, agent_id, agent_name,"
    " input_tokens, output_tokens"
)
_MAX_TOKENS = 2**31 - 1  # of one span, so that no sum can leave the range of SQLite's integers
_LLM, _TOOL, _AGENT, _ERROR = int(SpanKind.LLM), int(SpanKind.TOOL), int(SpanKind.AGENT), int(SpanStatus.ERROR)


class Identity(NamedTuple):
    """An agent as spans name it; without a key it is its service."""

    service: int
    key: int | None
    name: int


@dataclass(slots=True)
class RollUp:
    """What `traces` keeps of a trace; `owner` is None when only HALO's own spans are in it."""

    spans: int = 0
    start_ns: int = 2**63 - 1
    end_ns: int = 0
    rooted: bool = False
    has_root: bool = False
    root_name: int | None = None
    service: int | None = None
    status: int = 0
    owner: Identity | None = None
    nested: tuple[Identity, ...] = ()
    llm_spans: int = 0
    tool_spans: int = 0
    error_spans: int = 0
    leaf_errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class _Tree:
    """Who is whose parent; positions are those of the rows."""

    def __init__(self) -> None:
        self.ids = array("q")
        self._parents = array("q")
        self._depths: dict[int, int] = {}

    def add(self, span_id: int, parent_id: int | None) -> None:
        self.ids.append(span_id)
        self._parents.append(parent_id or 0)

    def parent(self, position: int) -> int:
        """The parent's position; -1 without one in this trace."""
        parent_id = self._parents[position]
        if not parent_id or parent_id == self.ids[position]:
            return -1
        at = bisect_left(self.ids, parent_id)
        return at if at < len(self.ids) and self.ids[at] == parent_id else -1

    def ancestors(self, position: int) -> Iterator[int]:
        """Parent, grandparent and so on; endless when spans are each other's ancestors."""
        while (position := self.parent(position)) >= 0:
            yield position

    def depth(self, position: int) -> int:
        """How many ancestors a span has; each is walked once however often it is asked for."""
        path = [position]
        met = {position}
        known = -1
        for ancestor in self.ancestors(position):
            if ancestor in self._depths or ancestor in met:
                known = self._depths.get(ancestor, -1)
                break
            path.append(ancestor)
            met.add(ancestor)
        for step in reversed(path):
            known += 1
            self._depths[step] = known
        return known


class _Kept(NamedTuple):
    """What is remembered of a span that may name the trace or an agent."""

    start_ns: int
    span_id: int
    position: int
    service: int
    name: int
    status: int
    agent_id: int | None
    agent_name: int | None


class _Marks:
    """What one pass over the rows finds."""

    def __init__(self) -> None:
        self.tree = _Tree()
        self.errors: list[int] = []
        self.llms: list[tuple[int, int, int]] = []  # position, input and output tokens
        self.agents: list[_Kept] = []
        self.root: _Kept | None = None
        self.first: _Kept | None = None  # of the spans that are not HALO's own


def roll_up(rows: Iterable[Sequence[Any]], own_service: int | None) -> RollUp:
    """The roll-up of a trace from its rows (`COLUMNS`, by span id); `own_service` is HALO's own, if known."""
    sums, marks = RollUp(), _Marks()
    add, start, end = marks.tree.add, sums.start_ns, sums.end_ns
    for position, row in enumerate(rows):
        span_id, parent_id, service, name, kind, status, start_ns, duration_ns, agent_id, agent_name, *_ = row
        add(span_id, parent_id)
        if start_ns < start:
            start = start_ns
        end_ns = start_ns + duration_ns if duration_ns and duration_ns > 0 else start_ns
        if end_ns > end:
            end = end_ns
        if status == _ERROR:
            marks.errors.append(position)
        if kind == _LLM:
            marks.llms.append((position, min(row[10] or 0, _MAX_TOKENS), min(row[11] or 0, _MAX_TOKENS)))
        elif kind == _TOOL:
            sums.tool_spans += 1
        first = marks.first
        if kind == _AGENT or parent_id is None or first is None or start_ns <= first[0]:
            kept = _Kept(start_ns, span_id, position, service, name, status, agent_id, agent_name)
            _mark(sums, marks, kept, kind, (parent_id, duration_ns), own_service)
    sums.start_ns, sums.end_ns = start, end
    sums.spans = len(marks.tree.ids)
    sums.error_spans = len(marks.errors)
    sums.llm_spans = len(marks.llms)
    sums.has_root = marks.root is not None
    _count_leaves(sums, marks)
    _name(sums, marks, own_service)
    return sums


def _mark(
    sums: RollUp, marks: _Marks, kept: _Kept, kind: int, root: tuple[int | None, int | None], own_service: int | None
) -> None:
    """A span that may be the first, the root, or name an agent; `root` is its parent and its duration."""
    parent_id, duration_ns = root
    is_own = kept.service == own_service
    if kind == _AGENT and not is_own and (kept.agent_id or kept.agent_name) is not None:
        marks.agents.append(kept)
    if not is_own and (marks.first is None or kept[:2] < marks.first[:2]):
        marks.first = kept
    if parent_id is None:
        sums.rooted = sums.rooted or duration_ns is not None
        marks.root = min(marks.root or kept, kept)


def _count_leaves(sums: RollUp, marks: _Marks) -> None:
    reraised = {marks.tree.parent(position) for position in marks.errors}
    sums.leaf_errors = sum(position not in reraised for position in marks.errors)
    wrappers: set[int] = set()
    for position, _, _ in marks.llms:
        for ancestor in marks.tree.ancestors(position):
            if ancestor in wrappers:
                break
            wrappers.add(ancestor)
    for position, inputs, outputs in marks.llms:
        if position not in wrappers:
            sums.input_tokens += inputs
            sums.output_tokens += outputs


def _name(sums: RollUp, marks: _Marks, own_service: int | None) -> None:
    """Root and agents: the outermost AGENT span with an id or a name, else the root's service."""
    root = marks.root
    head = root if root is not None and root.service != own_service else marks.first
    named = root or head
    if named is not None:
        sums.root_name = named.name
        sums.service = head.service if head is not None else named.service
    sums.status = root.status if root is not None else 0
    by_depth = sorted(marks.agents, key=lambda agent: (marks.tree.depth(agent.position), agent.start_ns, agent.span_id))
    identities = {_identity(agent)[:2]: _identity(agent) for agent in reversed(by_depth)}
    if by_depth:
        sums.owner = _identity(by_depth[0])
    elif head is not None:
        sums.owner = Identity(head.service, None, head.service)
    sums.nested = tuple(sorted(each for each in identities.values() if each != sums.owner))


def _identity(agent: _Kept) -> Identity:
    key = agent.agent_id or agent.agent_name
    name = agent.agent_name or agent.agent_id
    assert key is not None and name is not None
    return Identity(agent.service, key, name)
