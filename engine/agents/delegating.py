"""Subagents: a delegated question, a fresh conversation, and what comes back of it."""

from contextlib import AsyncExitStack

from domain.errors import HaloError
from engine.agents.agent import Agent
from engine.agents.ending import Ended
from engine.agents.lineage import child_lineage
from engine.agents.loop import work
from engine.agents.prompts import subagent_prompt
from engine.models.messages import AgentMessage
from engine.tooling import Delegated
from engine.tracing.tracer import agent_span


async def set_to_work(parent: Agent, question: str, tool_call_id: str) -> Delegated:
    """Let a subagent answer; a failure of it is its answer, and the parent goes on."""
    team = parent.team
    depth = parent.lineage.depth + 1
    async with team.slots[depth], AsyncExitStack() as kept:
        lineage = child_lineage(parent.lineage, team.config.subagent.name, tool_call_id, team.new_token())
        messages = [
            AgentMessage(role="system", content=subagent_prompt(team.briefing, depth)),
            AgentMessage(role="user", content=question),
        ]
        team.agents += 1
        child = Agent(team, lineage, team.config.subagent, messages, kept, set_to_work)
        with agent_span(lineage.name, lineage.agent_id, question) as noted:
            ended = await _worked(child)
            noted.ended(ended.text, ended.reason)
        child.step("agent_done", ended.reason or "done")
    return Delegated(
        child_agent_id=lineage.agent_id,
        answer=_answer(ended),
        output_start_sequence=child.first_sequence,
        output_end_sequence=child.last_sequence,
        turns_used=child.turns,
        tool_calls_made=child.tool_calls,
    )


async def _worked(child: Agent) -> Ended:
    try:
        return await work(child)
    except HaloError as error:
        return Ended(child.last_text, f"the model could not be asked: {error}")


def _answer(ended: Ended) -> str:
    if not ended.reason:
        return ended.text
    said = f" Its last words: {ended.text}" if ended.text else ""
    return f"The subagent did not finish: {ended.reason}.{said}"
