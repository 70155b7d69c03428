"""What agents did: the actions of each run and of each scope, whoever recorded them.

An action is a tool call, a retrieval, or a sub-agent at work. Where tools leave no spans the calls that models ask
for stand for them, so an agent is never called idle because its tools were not instrumented. A tool whose name says
that calling it is answering (`final_answer`) is no action.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from analysis.facts import FactWindow, SpanFact
from analysis.groups import ScopeKey
from analysis.model_calls import model_sequences, outermost
from analysis.requests import declared_tools
from analysis.statistics import wilson
from domain.spans import SpanKind, SpanStatus

_OUTWARD = frozenset((SpanKind.TOOL, SpanKind.RETRIEVER))
_ANSWERING = frozenset(
    [
        "finalanswer",
        "finalresponse",
        "finaloutput",
        "finalresult",
        "provideanswer",
        "submitanswer",
        "submitfinalanswer",
        "finish",
        "finishtask",
        "completetask",
        "taskcomplete",
        "taskdone",
        "attemptcompletion",
        "done",
        "respond",
        "respondtouser",
        "answer",
    ]
)
"""Tools by which agents hand over their answer: calling one is answering, not acting."""
_FEWEST_ODD = 3


class Work(NamedTuple):
    """A run, or a scope, and what was done in it.

    `span` stands for it: its AGENT span or root, else its last model call. `last` is its last model call; `actions`
    are the recorded ones in order, `taken` how many there were, asked for or recorded.
    """

    span: SpanFact
    last: SpanFact
    actions: Sequence[SpanFact]
    taken: int
    offered: bool  # whether tools were declared to it


Group = tuple[str, str]
"""(service, agent)."""


def scope_works(window: FactWindow) -> Sequence[Work]:
    """Every scope with a model call, of traces that are complete."""
    complete, own, offered = _complete(window), window.once(_actions_by_scope), window.once(declared_tools)
    found = []
    for key, calls in window.once(model_sequences).items():
        if key[0] in complete:
            actions = own.get(key, ())
            span = window.by_ref[key] if key in window.by_ref else calls[-1]
            found.append(Work(span, calls[-1], actions, _count(actions, calls), bool(offered.get(key))))
    return found


def run_works(window: FactWindow) -> Sequence[Work]:
    """Every complete run with a model call: all that was done below its root."""
    complete = _complete(window)
    calls: dict[str, list[SpanFact]] = defaultdict(list)
    for call in window.llm_calls:
        calls[call.trace_id].append(call)
    actions: dict[str, list[SpanFact]] = defaultdict(list)
    for (trace_id, _), own in window.once(_actions_by_scope).items():
        actions[trace_id] += own
    offered = {trace_id for (trace_id, _), tools in window.once(declared_tools).items() if tools}
    found = []
    for run in outermost(window):
        of = run.trace_id
        if of in complete and calls[of]:
            last = max(calls[of], key=lambda call: call.start_ns)
            found.append(Work(run, last, actions[of], _count(actions[of], calls[of]), of in offered))
    return found


def by_agent(works: Iterable[Work]) -> Mapping[Group, Sequence[Work]]:
    """Works by service and agent."""
    found: dict[Group, list[Work]] = defaultdict(list)
    for work in works:
        found[work.span.service, work.span.agent].append(work)
    return found


def answers(work: Work) -> bool:
    """Whether a work ends with an answer of the model, in text or by a tool that hands it over."""
    last = work.last
    if last.status is SpanStatus.ERROR:
        return False
    return any(_is_answer(call.tool) for call in last.requested) or (not last.requested and bool(last.output_chars))


def odd_versions(works: Sequence[Work], odd: Iterable[Work]) -> tuple[str, ...]:
    """The versions in which works are odd surely more often than in all others: their 95 % intervals lie apart.

    Fewer than three odd works single no version out.
    """
    of, hit = Counter(work.span.version for work in works), Counter(work.span.version for work in odd)
    every, found = hit.total(), []
    for version, count in of.items():
        others = len(works) - count
        low, (_, usual) = wilson(hit[version], count)[0], wilson(every - hit[version], others)
        if others and hit[version] >= _FEWEST_ODD and low > usual:
            found.append(version)
    return tuple(sorted(found))


def _complete(window: FactWindow) -> frozenset[str]:
    return frozenset(trace.trace_id for trace in window.traces if trace.complete)


def _count(actions: Sequence[SpanFact], calls: Iterable[SpanFact]) -> int:
    return max(len(actions), sum(not _is_answer(asked.tool) for call in calls for asked in call.requested))


@lru_cache(maxsize=1_024)
def _is_answer(tool: str) -> bool:
    return tool[:200].casefold().replace("_", "").replace("-", "") in _ANSWERING


def _actions_by_scope(window: FactWindow) -> Mapping[ScopeKey, Sequence[SpanFact]]:
    """The actions of each scope in the order they began; a sub-agent is an action of the scope that started it."""
    found: dict[ScopeKey, list[SpanFact]] = defaultdict(list)
    for trace in window.traces:
        for span in trace.spans:
            if span.kind in _OUTWARD and not _is_answer(span.tool):
                found[trace.trace_id, span.scope_id].append(span)
            elif span.kind is SpanKind.AGENT and (caller := trace.by_id.get(span.parent_id)) is not None:
                found[trace.trace_id, caller.scope_id].append(span)
    return found
