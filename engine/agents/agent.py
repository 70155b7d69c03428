"""One agent: a conversation of its own with its model, and the tools it works with."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from engine.agents.agent_config import AgentConfig
from engine.agents.asking import ask
from engine.agents.lineage import Lineage
from engine.agents.notices import DELEGATION_TOOL, not_run
from engine.agents.repeats import Repeats
from engine.agents.team import Team
from engine.calling import ToolReply
from engine.llm.model import ContextOverflowError, ModelAnswer, ModelCall
from engine.models.messages import AgentMessage, AgentToolCall
from engine.tooling import Delegated, Work
from engine.tracing.tracer import tool_span
from engine.watching import StepKind

MOST_CALLS = 32
"""Tool calls of one answer that are run."""
_SHOWN_ARGUMENTS_CHARS = 120

SetToWork: TypeAlias = Callable[["Agent", str, str], Awaitable[Delegated]]
"""Sets a subagent of an agent to work on an input, for the tool call of the given id."""


@dataclass
class Agent:
    """An agent at work. `messages` is its conversation as its model sees it; `kept` closes with the agent.

    `turn_tokens` is what its latest turn used, in and out. The sequence numbers are those of its first and latest
    finished message, -1 before there is one.
    """

    team: Team
    lineage: Lineage
    settings: AgentConfig
    messages: list[AgentMessage]
    kept: AsyncExitStack
    set_to_work: SetToWork
    turns: int = 0
    tool_calls: int = 0
    first_sequence: int = -1
    last_sequence: int = -1
    last_text: str = ""
    belongings: dict[str, Any] = field(default_factory=dict)
    repeats: Repeats = field(default_factory=Repeats)

    def __post_init__(self) -> None:
        self.compactor = self.team.new_compactor(self.lineage)
        self.specs = self.team.caller.specs(self.work(""))
        self.turn_tokens = 0
        self._sent_tokens = 0

    @property
    def is_root(self) -> bool:
        """Whether it answers the caller."""
        return self.lineage.depth == 0

    async def ask(self, notice: AgentMessage, forced_tool: str = "") -> ModelAnswer:
        """One turn of the model, its text told as it streams; the notice comes last and is not kept."""
        self.turns += 1
        self.team.turns += 1
        self.step("turn")
        await self._shorten()
        try:
            answer = await self._answer(notice, forced_tool)
        except ContextOverflowError:
            await self._shorten(overflowed=True)
            answer = await self._answer(notice, forced_tool)
        requests = max(answer.usage.requests, 1)
        self.turn_tokens = answer.usage.tokens // requests
        self._sent_tokens = answer.usage.input_tokens // requests
        self.last_text = answer.text or self.last_text
        return answer

    def keep(self, answer: ModelAnswer) -> None:
        """Add what the model said to the conversation."""
        text = answer.text or answer.refusal
        calls = list(answer.tool_calls) or None
        if text or calls:
            self.messages.append(AgentMessage(role="assistant", content=text or None, tool_calls=calls))

    def tell(self, message: AgentMessage, *, final: bool = False) -> None:
        """Tell whoever looks on of a finished message."""
        self.last_sequence = self.team.teller.item(self.lineage, message, final=final)
        if self.first_sequence < 0:
            self.first_sequence = self.last_sequence

    def step(self, kind: StepKind, text: str = "") -> None:
        """Tell whoever looks on of a moment that is no message."""
        self.team.teller.step(kind, self.lineage, self.turns, self.settings.maximum_turns, text)

    async def results(self, calls: Sequence[AgentToolCall]) -> list[ToolReply]:
        """Make tool calls side by side; their results in the order of the calls."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._result(call, number)) for number, call in enumerate(calls, 1)]
        return [task.result() for task in tasks]

    def keep_result(self, call: AgentToolCall, reply: ToolReply, *, tell: bool) -> None:
        """Add a result to the conversation, as the model is shown it, and tell of it as it is."""
        self.messages.append(_result_message(call, reply.shown_to_model))
        if tell:
            self.tell(_result_message(call, _told(call, reply)))

    def mend(self, why: str) -> None:
        """Make the conversation valid after it was cut off among tool calls."""
        latest = max((at for at, message in enumerate(self.messages) if message.role == "assistant"), default=0)
        answered = {message.tool_call_id for message in self.messages[latest:] if message.role == "tool"}
        calls = self.messages[latest].tool_calls or []
        self.messages += [not_run(call, why) for call in calls if call.id not in answered]

    def final_text(self) -> str:
        """The text of the final answer that was accepted."""
        return str(self.belongings.get("final_answer", ""))

    def work(self, tool_call_id: str) -> Work:
        """What a tool may use while it answers one call of this agent."""
        team = self.team
        below = self.lineage.depth < team.config.maximum_depth
        return Work(
            window=team.window,
            agent_id=self.lineage.agent_id,
            depth=self.lineage.depth,
            tool_call_id=tool_call_id,
            shown=team.shown,
            ask=partial(ask, team, self.lineage.agent_id),
            delegate=partial(self.set_to_work, self) if below else None,
            item=self.compactor.item,
            kept=self.kept,
            belongings=self.belongings,
            call=partial(self._call_tool, tool_call_id),
            repository=team.repository,
        )

    async def _answer(self, notice: AgentMessage, forced_tool: str) -> ModelAnswer:
        call = ModelCall(
            config=self.settings.model,
            messages=(*self.messages, notice),
            tools=self.specs,
            forced_tool=forced_tool,
            caller=self.lineage.agent_id,
        )
        return await self.team.model.answer(call, partial(self.team.teller.delta, self.lineage))

    async def _call_tool(self, tool_call_id: str, tool: str, arguments: Mapping[str, Any]) -> Any:
        return await self.team.caller.value(tool, arguments, self.work(tool_call_id))

    async def _shorten(self, *, overflowed: bool = False) -> None:
        before = len(self.messages)
        fitted = await self.compactor.fitted(self.messages, self._sent_tokens, overflowed=overflowed)
        if fitted is not self.messages:
            self.messages = list(fitted)
            self.step("compacted", f"{before} messages became {len(self.messages)}")

    async def _result(self, call: AgentToolCall, number: int) -> ToolReply:
        self.tool_calls += 1
        objection = self.repeats.objection(call)
        if number > MOST_CALLS:
            objection = f"not run: at most {MOST_CALLS} calls of one answer are; make the others in your next turn"
        if objection:
            return ToolReply(objection, objection, True)
        self.step("tool", f"{call.function.name} {call.function.arguments[:_SHOWN_ARGUMENTS_CHARS]}")
        with tool_span(call.function.name, call.id, call.function.arguments) as noted:
            reply = await self.team.caller.call(call, self.work(call.id))
            noted.ended(reply.content, reply.content if reply.failed else "")
        self.step("tool_done", call.function.name)
        return reply


def _result_message(call: AgentToolCall, content: str) -> AgentMessage:
    return AgentMessage(role="tool", content=content, tool_call_id=call.id, name=call.function.name)


def _told(call: AgentToolCall, reply: ToolReply) -> str:
    """A result as events tell it: what a subagent brought back stands alone, as scripts know it."""
    if reply.failed or call.function.name != DELEGATION_TOOL:
        return reply.content
    return json.dumps(json.loads(reply.content)["result"], ensure_ascii=False, separators=(",", ":"))
