"""A run as it is written down between two turns of its root, and a root that goes on from there."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from domain.errors import HaloError
from engine import checkpoints
from engine.agents.agent import Agent
from engine.checkpoints import RunState
from engine.llm.model import ModelUsage
from engine.models.messages import AgentMessage
from engine.window import TraceWindow


async def saved(path: Path, window: TraceWindow, messages: Sequence[AgentMessage]) -> RunState:
    """The state to go on from. PermanentError: there is none, or it is of another question or of other traces."""
    state = await asyncio.to_thread(checkpoints.load, path)
    traces = await asyncio.to_thread(checkpoints.print_of_traces, window)
    checkpoints.require_same(path, state, traces, checkpoints.print_of_question(messages))
    return state


class Saving:
    """Writes a root's state down after each of its turns; `messages` are what its run was asked with."""

    def __init__(self, path: Path | None, messages: Sequence[AgentMessage]) -> None:
        self._path = path
        self._question = checkpoints.print_of_question(messages)
        self._traces = ""

    async def begin(self, root: Agent) -> None:
        """Write the first state. PermanentError: none can be written, which is better known before anything is paid."""
        if self._path is not None:
            self._traces = await asyncio.to_thread(checkpoints.print_of_traces, root.team.window)
            await self._save(self._path, root)

    async def turn_done(self, root: Agent) -> None:
        """Write the state; a disk that is full by now costs the checkpoints, not the run."""
        if self._path is None:
            return
        try:
            await self._save(self._path, root)
        except HaloError as error:
            self._path = None
            root.step("retry", f"no more checkpoints: {error}")

    async def _save(self, path: Path, root: Agent) -> None:
        await asyncio.to_thread(checkpoints.save, path, _state(root, self._traces, self._question))


def _state(root: Agent, traces: str, question: str) -> RunState:
    team = root.team
    usage = team.budget.usage
    return RunState(
        traces=traces,
        question=question,
        fence_token=team.fence.token,
        context=root.compactor.state(root.messages),
        root_id=root.lineage.agent_id,
        turns=root.turns,
        tool_calls=root.tool_calls,
        last_text=root.last_text,
        first_sequence=root.first_sequence,
        last_sequence=root.last_sequence,
        next_sequence=team.teller.next_sequence,
        agents=team.agents,
        all_turns=team.turns,
        models=list(team.model.models),
        requests=usage.requests,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        usd=team.budget.usd,
        known_usd=team.budget.known_usd,
        seconds=team.budget.seconds,
        shown_traces=sorted(team.shown.traces),
        shown_spans=sorted(team.shown.spans),
    )


def go_on(root: Agent, state: RunState) -> None:
    """Put a root, and all that its run had spent and seen, back to where the state was written."""
    team = root.team
    root.messages = root.compactor.restore(state.context)
    root.turns, root.tool_calls, root.last_text = state.turns, state.tool_calls, state.last_text
    root.first_sequence, root.last_sequence = state.first_sequence, state.last_sequence
    team.agents, team.turns = state.agents, state.all_turns
    team.teller.next_sequence = state.next_sequence
    team.model.models.update(dict.fromkeys(state.models))
    team.shown.traces.update(state.shown_traces)
    team.shown.spans.update(state.shown_spans)
    usage = ModelUsage(
        state.requests, state.input_tokens, state.output_tokens, state.cached_tokens, state.reasoning_tokens
    )
    team.budget.resume(usage, state.usd, state.seconds, state.known_usd)
