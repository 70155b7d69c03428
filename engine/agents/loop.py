"""The loop of an agent: a turn of its model, the tools it calls, and so on until it has answered or must stop."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from engine.agents.acting import act
from engine.agents.agent import Agent
from engine.agents.ending import Ended
from engine.agents.notices import FINAL_TOOL, refusal_nudge, reprompt, turn_notice
from engine.llm.model import ModelAnswer
from engine.models.messages import AgentMessage

TurnDone = Callable[[Agent], Awaitable[None]]
"""Called after every turn that leaves the agent with more to do."""


@dataclass
class _Patience:
    """How often an agent will still be asked again."""

    refusals: int
    reprompts: int


async def nothing(agent: Agent) -> None:
    """What is done after a turn where there is nothing to do."""


async def work(agent: Agent, turn_done: TurnDone = nothing) -> Ended:
    """Let an agent work; how it ended. Errors of the model are the caller's."""
    turns = agent.settings.maximum_turns
    patience = _Patience(agent.settings.refusal_retries, agent.settings.final_answer_reprompts)
    while agent.turns < turns:
        if spent := _spent(agent):
            return Ended(agent.last_text, spent, may_conclude=True)
        answer = await agent.ask(turn_notice(agent.turns + 1, turns, root=agent.is_root))
        ended = await act(agent, answer) if answer.tool_calls else _heard(agent, answer, patience)
        if ended is not None:
            return ended
        await turn_done(agent)
    return Ended(agent.last_text, f"all {turns} turns are used up", may_conclude=True)


def _spent(agent: Agent) -> str:
    budget = agent.team.budget
    return budget.spent() or (budget.short_of(agent.turn_tokens) if agent.is_root else "")


def _heard(agent: Agent, answer: ModelAnswer, patience: _Patience) -> Ended | None:
    """Take an answer without tool calls: an end, or a reason to ask once more."""
    agent.keep(answer)
    agent.tell(AgentMessage(role="assistant", content=answer.text or answer.refusal or None))
    if answer.refusal or answer.finish == "content_filter":
        return _refused(agent, answer, patience)
    if answer.text and not agent.is_root:
        return Ended(answer.text, "its answer was cut off" if answer.finish == "length" else "")
    if not patience.reprompts:
        missing = f"it stopped without calling {FINAL_TOOL}" if agent.is_root else "it said nothing"
        return Ended(agent.last_text, f"the model gave no answer: {missing}")
    patience.reprompts -= 1
    agent.messages.append(reprompt(root=agent.is_root))
    return None


def _refused(agent: Agent, answer: ModelAnswer, patience: _Patience) -> Ended | None:
    if not patience.refusals:
        said = answer.refusal or "the endpoint filtered its answer"
        return Ended(agent.last_text if answer.refusal else "", f"the model refused: {said}")
    patience.refusals -= 1
    agent.messages.append(refusal_nudge())
    return None
