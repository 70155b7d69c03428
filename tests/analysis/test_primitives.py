"""Scope, issuer and leaf hold on every tree that traces really have, and on those they should not have."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.primitives import NONE, Node, parent_positions, structure, top_down
from domain.spans import SpanKind, SpanStatus

LLM, TOOL, AGENT, CHAIN = SpanKind.LLM, SpanKind.TOOL, SpanKind.AGENT, SpanKind.CHAIN
_NAMES = "abcdefgh"


def node(
    name: str,
    kind: SpanKind,
    parent: str = "",
    start: int = 0,
    end: int = 1,
    *,
    error: bool = False,
    call_id: str = "",
    requested: tuple[str, ...] = (),
) -> Node:
    """A span of a drawn tree."""
    status = SpanStatus.ERROR if error else SpanStatus.OK
    return Node(name, parent, kind, status, start, end, call_id, requested)


def issuer(nodes: Sequence[Node], name: str) -> str:
    """The id of the LLM span that asked for the span of this name."""
    names = [one.span_id for one in nodes]
    at = structure(nodes).issuers[names.index(name)]
    return names[at] if at != NONE else ""


def test_a_sub_agent_is_a_scope_of_its_own() -> None:
    """Repeats and retries of two agents are not one agent's loop."""
    nodes = [
        node("main", CHAIN),
        node("outer", AGENT, "main"),
        node("step", CHAIN, "outer"),
        node("inner", AGENT, "step"),
        node("tool", TOOL, "inner"),
        node("late", TOOL, "outer"),
    ]

    assert structure(nodes).scopes == [NONE, 1, 1, 3, 3, 1]


def test_a_failure_raised_through_every_span_above_is_one_failure() -> None:
    """Counting all ERROR spans would make 207 failures out of 116."""
    nodes = [
        node("run", AGENT, error=True),
        node("step", CHAIN, "run", error=True),
        node("tool", TOOL, "step", error=True),
        node("other", TOOL, "step"),
        node("orphan", TOOL, "gone", error=True),
    ]

    assert structure(nodes).leaf_errors == [False, False, True, False, True]


def test_a_wrapper_that_repeats_its_calls_tokens_is_no_leaf() -> None:
    """Tokens are summed over leaf LLM spans, else nested calls count twice."""
    nodes = [
        node("outer", LLM),
        node("chain", CHAIN, "outer"),
        node("inner", LLM, "chain"),
        node("alone", LLM),
    ]

    assert structure(nodes).leaf_llms == [False, False, True, True]


def test_a_call_id_names_the_issuer_whatever_the_times_say() -> None:
    """Clocks of two services differ; ids do not."""
    nodes = [
        node("agent", AGENT, end=100),
        node("first", LLM, "agent", 10, 20, requested=("c1",)),
        node("second", LLM, "agent", 30, 40, requested=("c2",)),
        node("tool", TOOL, "agent", 5, 8, call_id="c2"),
    ]

    assert issuer(nodes, "tool") == "second"


def test_a_call_id_used_twice_names_the_latest_that_began_before() -> None:
    """Some providers count calls from zero in every turn."""
    nodes = [
        node("first", LLM, "", 0, 10, requested=("call_0",)),
        node("tool one", TOOL, "", 11, 12, call_id="call_0"),
        node("second", LLM, "", 20, 30, requested=("call_0",)),
        node("tool two", TOOL, "", 31, 32, call_id="call_0"),
    ]

    assert (issuer(nodes, "tool one"), issuer(nodes, "tool two")) == ("first", "second")


def test_the_call_inside_a_wrapper_is_preferred_to_the_wrapper_that_repeats_it() -> None:
    """Waste is counted on leaf LLM spans; a wrapper's tokens are theirs again."""
    nodes = [
        node("wrapper", LLM, "", 0, 100, requested=("c",)),
        node("call", LLM, "wrapper", 1, 10, requested=("c",)),
        node("tool", TOOL, "wrapper", 11, 12, call_id="c"),
    ]

    assert issuer(nodes, "tool") == "call"


def test_without_ids_the_call_in_the_same_step_is_the_issuer() -> None:
    """A step holds its own LLM call; a later call elsewhere in the scope asked for something else."""
    nodes = [
        node("agent", AGENT, end=100),
        node("step", CHAIN, "agent", 0, 50),
        node("call", LLM, "step", 0, 10),
        node("helper", LLM, "agent", 11, 12),
        node("tool", TOOL, "step", 20, 30, error=True),
        node("lonely", TOOL, "agent", 60, 70),
    ]

    assert (issuer(nodes, "tool"), issuer(nodes, "lonely")) == ("call", "helper")


def test_a_failed_wrapper_blames_the_call_inside_it() -> None:
    """Code that an agent wrote fails in the step, and the step's own LLM call wrote it."""
    nodes = [
        node("agent", AGENT, end=100),
        node("before", LLM, "agent", 0, 5),
        node("step", CHAIN, "agent", 6, 50, error=True),
        node("call", LLM, "step", 7, 10),
    ]

    assert issuer(nodes, "step") == "call"


def test_a_sub_agent_is_asked_for_by_its_callers_model() -> None:
    """The model inside a sub-agent did not ask for the sub-agent."""
    nodes = [
        node("outer", AGENT, end=100),
        node("plan", LLM, "outer", 0, 10),
        node("inner", AGENT, "outer", 11, 50),
        node("think", LLM, "inner", 12, 20),
        node("act", TOOL, "inner", 21, 22),
    ]

    assert (issuer(nodes, "inner"), issuer(nodes, "act"), issuer(nodes, "outer")) == ("plan", "think", "")


def test_an_llm_span_around_an_action_asked_for_it_when_nothing_else_did() -> None:
    """Some SDKs run tools inside the span of the call that asks for them."""
    nodes = [node("loop", LLM, "", 0, 100), node("inside", CHAIN, "loop", 1, 90), node("tool", TOOL, "inside", 10, 20)]

    assert issuer(nodes, "tool") == "loop"


def test_what_has_no_llm_before_it_has_no_issuer() -> None:
    """A guess would put waste on an innocent call."""
    nodes = [node("tool", TOOL, "", 0, 5), node("later", LLM, "", 6, 9), node("open", LLM, "", 0, 0)]

    assert issuer(nodes, "tool") == ""


def test_model_failures_have_no_issuer() -> None:
    """Nobody asked a rate-limited call to fail; it is its own waste."""
    nodes = [node("first", LLM, "", 0, 5), node("limited", LLM, "", 6, 9, error=True)]

    assert issuer(nodes, "limited") == ""


_TREES = st.lists(
    st.builds(
        Node,
        st.sampled_from(_NAMES),
        st.sampled_from(["", "gone", *_NAMES]),
        st.sampled_from([LLM, TOOL, AGENT, CHAIN, SpanKind.UNKNOWN]),
        st.sampled_from(list(SpanStatus)),
        st.integers(0, 20),
        st.integers(0, 20),
        st.sampled_from(["", "c1", "c2"]),
        st.lists(st.sampled_from(["", "c1", "c2"]), max_size=2).map(tuple),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(_TREES)
def test_parents_always_make_a_forest(nodes: list[Node]) -> None:
    """Circles, missing parents and repeated ids arrive; whatever walks a tree must end."""
    parents = parent_positions(nodes)
    order = top_down(parents)
    place = {at: index for index, at in enumerate(order)}

    assert sorted(order) == list(range(len(nodes)))
    assert all(parent == NONE or place[parent] < place[at] for at, parent in enumerate(parents))
    assert all(parent == NONE or nodes[parent].span_id == nodes[at].parent_id for at, parent in enumerate(parents))


@settings(deadline=None)
@given(_TREES)
def test_the_primitives_keep_their_definitions_on_any_tree(nodes: list[Node]) -> None:
    """Each line is the definition itself, told in the slow and obvious way."""
    found = structure(nodes)
    parents = found.parents
    above = [_ancestors(parents, at) for at in range(len(nodes))]

    for at, one in enumerate(nodes):
        children = [child for child in range(len(nodes)) if parents[child] == at]
        agents = [up for up in (at, *above[at]) if nodes[up].kind is AGENT]
        below = [other for other in range(len(nodes)) if at in above[other]]
        is_error = one.status is SpanStatus.ERROR
        assert found.scopes[at] == (agents[0] if agents else NONE)
        assert found.leaf_errors[at] == (is_error and all(nodes[c].status is not SpanStatus.ERROR for c in children))
        assert found.leaf_llms[at] == (one.kind is LLM and all(nodes[other].kind is not LLM for other in below))
        asked = found.issuers[at]
        assert asked == NONE or (nodes[asked].kind is LLM and asked != at)


def _ancestors(parents: Sequence[int], at: int) -> list[int]:
    found = []
    while (at := parents[at]) != NONE:
        found.append(at)
    return found


@pytest.mark.parametrize("shape", ["chain", "star", "circle", "one id"])
def test_a_trace_of_a_hundred_thousand_spans_is_no_problem(shape: str) -> None:
    """A runaway agent makes such traces, and is just what should be analysed: no recursion, nothing quadratic."""
    count = 100_000
    kinds = (AGENT, LLM, TOOL)
    parent = {
        "chain": lambda at: f"s{at - 1}" if at else "",
        "star": lambda at: "s0" if at else "",
        "circle": lambda at: f"s{(at + 1) % count}",
        "one id": lambda at: "s",
    }[shape]
    names = ["s" if shape == "one id" else f"s{at}" for at in range(count)]
    nodes = [node(names[at], kinds[at % 3], parent(at), at, at + 2, error=at % 5 == 0) for at in range(count)]

    found = structure(nodes)
    assert len(found.issuers) == count
    assert sum(at != NONE for at in found.scopes) == count
