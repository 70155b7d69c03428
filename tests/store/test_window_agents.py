"""Whose a trace is, over services and nested agents."""

from pathlib import Path

import pytest

from domain.spans import OWN_SERVICE, SpanKind, agent_uuid
from store.base import Selection, TraceFilter
from store.window import agents as window_agents
from tests.store.window_kit import (
    EVERYTHING,
    START_NS,
    Clock,
    keep,
    make_span,
    open_store,
    trace_id,
    whole_trace,
)

PLANNER, CLERK = agent_uuid("front", "p1"), agent_uuid("back", "clerk")


def team(trace: object) -> tuple[list[object], list[object]]:
    """A planner in one service that calls a clerk in another."""
    front = [
        make_span(trace, "request", end_s=9),
        make_span(trace, "plan", "request", start_s=1, kind=SpanKind.AGENT, agent__id="p1", agent__name="planner"),
    ]
    back = [make_span(trace, "work", "plan", start_s=2, kind=SpanKind.AGENT, agent__name="clerk")]
    return list(front), list(back)


async def test_a_trace_is_one_thing_over_its_services_and_belongs_to_its_outermost_agent(tmp_path: Path) -> None:
    """A planner's failures are often a worker's; cutting traces at service borders hides that."""
    front, back = team("t")
    for number, (first, second) in enumerate(((front, back), (back, front))):
        async with open_store(tmp_path / str(number), Clock()) as store:
            await keep(store, *first, service="front" if first is front else "back")
            await store.maintain()
            await keep(store, *second, service="front" if second is front else "back")
            for maintained in (False, True):
                if maintained:
                    await store.maintain(force=True)
                (trace,) = store.reader().list_traces(TraceFilter())
                agents = {agent.uuid: agent for agent in store.reader().agents()}

                assert (trace.agent_uuid, trace.agent_name, trace.service) == (PLANNER, "planner", "front")
                assert (trace.root_name, trace.span_count) == ("request", 3)
                assert set(agents) == {PLANNER, CLERK}
                assert (agents[CLERK].name, agents[CLERK].service, agents[CLERK].traces) == ("clerk", "back", 1)
                assert agents[PLANNER].spans == 3


async def test_a_nested_agent_can_be_selected_by_the_traces_that_contain_it(tmp_path: Path) -> None:
    """One asks about the clerk, not about whoever happened to call it."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        for name in ("a", "b"):
            front, back = team(name)
            await keep(store, *front, service="front")
            if name == "b":
                await keep(store, *back, service="back")
        clock.forward(3600)
        for maintained in (False, True):
            if maintained:
                await store.fold()
            reader = store.reader()
            of_clerk = reader.select(Selection(0, 2**62, (CLERK,)))
            of_planner = reader.select(Selection(0, 2**62, (PLANNER,)))
            of_both = reader.select(Selection(0, 2**62, (CLERK, PLANNER)))

            assert [trace.summary.trace_id for trace in reader.read(of_clerk.keys)] == [trace_id("b").hex()]
            assert len(of_planner.keys) == len(of_both.keys) == 2
            assert [t.trace_id for t in reader.list_traces(TraceFilter(agent_uuid=CLERK))] == [trace_id("b").hex()]
        assert len(list(reader.read(of_both.keys))) == 2


async def test_without_an_agent_span_a_trace_belongs_to_its_roots_service(tmp_path: Path) -> None:
    """Plain instrumented programs are agents too."""
    async with open_store(tmp_path, Clock()) as store:
        await keep(store, make_span("t", "child", "root", kind=SpanKind.AGENT), service="inner")
        await keep(store, make_span("t", "root"), service="outer")
        (agent,) = store.reader().agents()

    assert (agent.uuid, agent.name, agent.service) == (agent_uuid("outer", None), "outer", "outer")


async def test_halos_own_spans_make_no_agent_and_are_never_selected(tmp_path: Path) -> None:
    """Reports written back as spans may be routed through HALO again; it must not analyse itself."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, make_span("own", "halo.run", kind=SpanKind.AGENT, agent__name="me"), service=OWN_SERVICE)
        await keep(store, *whole_trace("theirs"))
        clock.forward(3600)
        for maintained in (False, True):
            if maintained:
                await store.fold()
            agents = store.reader().agents()
            selected = store.reader().select(EVERYTHING)
            own = store.reader().trace(trace_id("own").hex())

            assert [agent.name for agent in agents] == ["svc"]
            assert [t.summary.trace_id for t in store.reader().read(selected.keys)] == [trace_id("theirs").hex()]
            assert own is not None
            assert own.summary.agent_uuid == ""


async def test_a_folded_trace_that_changes_hands_leaves_its_old_owners_frames(tmp_path: Path) -> None:
    """Frames are evicted agent by agent: spans left in another agent's frame would go with the wrong limit."""
    clock = Clock()
    front, back = team("t")
    async with open_store(tmp_path, clock) as store:
        await keep(store, *back, service="back")
        clock.forward(600)
        await store.fold()
        assert [agent.uuid for agent in store.reader().agents()] == [CLERK]
        await keep(store, *front, service="front")
        clock.forward(600)
        await store.fold()
        sums = store.reader().sums()
        agents = {agent.uuid: agent.traces for agent in store.reader().agents()}
        gone = store.reader().find_agent(CLERK)

    assert (sums["frames"], sums["hot_bytes"]) == (1, 0)
    assert agents == {PLANNER: 1, CLERK: 1}
    assert gone is not None


async def test_agents_are_listed_by_when_they_last_received_spans(tmp_path: Path) -> None:
    """`agent ls --time-range` goes by arrival: clocks of senders may be wrong."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, *whole_trace("old"), service="old")
        clock.forward(100)
        await keep(store, *whole_trace("new"), service="new")
        reader = store.reader()

        assert [agent.name for agent in reader.agents()] == ["new", "old"]
        assert [agent.name for agent in reader.agents(since_ns=START_NS + 1)] == ["new"]
        assert reader.agents()[1].last_seen_ns == START_NS


async def test_agents_are_limited_and_those_without_traces_make_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent name made of a request id must not grow the list of agents for ever."""
    monkeypatch.setattr(window_agents, "MAX_AGENTS", 4)
    clock = Clock()
    async with open_store(tmp_path, clock, retention={"max_age": "1h"}) as store:
        seen = []
        for generation in range(3):
            for number in range(6):
                await keep(store, *whole_trace((generation, number)), service=f"{generation} {number}")
                await store.maintain(force=True)
            sums = store.reader().sums()
            seen.append((sums["agents"], sums["traces"], {a.name[0] for a in store.reader().agents()}))
            clock.forward(7200)
            await store.maintain(force=True)

    assert seen[0] == (4, 6, {"0"})
    assert [(count >= 2, traces, names) for count, traces, names in seen[1:]] == [(True, 6, {"1"}), (True, 6, {"2"})]
