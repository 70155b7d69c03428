"""An answer that calls tools: the calls are made side by side, and a final answer that is accepted ends the run."""

from dataclasses import dataclass, field

from engine.agents.agent import Agent
from engine.agents.ending import Ended
from engine.agents.notices import FINAL_TOOL
from engine.calling import ToolReply
from engine.llm.model import ModelAnswer
from engine.models.messages import AgentMessage


@dataclass
class _Tried:
    """What became of an answer's calls of the final tool, by their place in it; `accepted` is that of one taken."""

    replies: dict[int, ToolReply] = field(default_factory=dict)
    accepted: int | None = None
    text: str = ""


async def act(agent: Agent, answer: ModelAnswer, *, final_only: bool = False) -> Ended | None:
    """Make the calls of an answer; how the agent ended, or None when it goes on.

    Final answers are tried first, because what is told of their calls depends on whether one was accepted. With
    `final_only` no other call is made.
    """
    agent.keep(answer)
    tried = await _try_finals(agent, answer)
    _tell_answer(agent, answer, tried)
    stop = "the run ends here" if final_only else agent.team.budget.spent() if tried.accepted is None else ""
    rest = [] if stop else [place for place in range(len(answer.tool_calls)) if place not in tried.replies]
    others = await agent.results([answer.tool_calls[place] for place in rest])
    replies = tried.replies | dict(zip(rest, others, strict=True))
    for place, reply in sorted(replies.items()):
        agent.keep_result(answer.tool_calls[place], reply, tell=place != tried.accepted)
    agent.mend(stop)
    if tried.accepted is not None:
        return Ended(tried.text, accepted=True)
    if stop:
        return Ended(agent.last_text, stop, may_conclude=not final_only)
    if agent.repeats.endless:
        return Ended(agent.last_text, "the model made one tool call over and over", may_conclude=True)
    return None


async def _try_finals(agent: Agent, answer: ModelAnswer) -> _Tried:
    """Give the final tool its calls, until it accepts one; what follows that one is not tried."""
    tried = _Tried()
    for place, call in enumerate(answer.tool_calls):
        if not agent.is_root or call.function.name != FINAL_TOOL:
            continue
        if tried.accepted is not None:
            text = "an answer was accepted already"
            tried.replies[place] = ToolReply(text, text, True)
            continue
        (reply,) = await agent.results([call])
        tried.replies[place] = reply
        if not reply.failed:
            tried.accepted, tried.text = place, agent.final_text()
    return tried


def _tell_answer(agent: Agent, answer: ModelAnswer, tried: _Tried) -> None:
    """One message for each call, the accepted one as the answer that it is, and then what was said beside them."""
    for place, call in enumerate(answer.tool_calls):
        if place == tried.accepted:
            agent.tell(AgentMessage(role="assistant", content=tried.text), final=True)
        else:
            agent.tell(AgentMessage(role="assistant", tool_calls=[call]))
    if answer.text:
        agent.tell(AgentMessage(role="assistant", content=answer.text))
