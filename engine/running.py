"""One run put together: the model, the tools, the budget, and the root that leads."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from domain.errors import PermanentError
from engine.agents.agent import Agent
from engine.agents.delegating import set_to_work
from engine.agents.ending import Ended
from engine.agents.lineage import Lineage, root_lineage
from engine.agents.metering import MeteredModel
from engine.agents.prompts import Briefing, root_prompt
from engine.agents.root import Standing, lead
from engine.agents.team import Team
from engine.agents.telling import Teller
from engine.budgets import Budget, BudgetLimits
from engine.calling import Caller, load_tools
from engine.context.compaction import Compactor
from engine.contract.checking import Contract
from engine.contract.prompt import contract_rules
from engine.engine_config import EngineConfig
from engine.fencing import Fence
from engine.llm.connecting import connect
from engine.llm.model import Model
from engine.llm.prices import load_prices
from engine.models.messages import AgentMessage
from engine.resuming import Saving, go_on, saved
from engine.tracing.tracer import TracedModel, agent_span
from engine.watching import Watcher
from engine.window import TraceWindow

CONTRACT = "contract"
"""Among the root's belongings, what its answer is held to."""


@dataclass(frozen=True)
class Led:
    """A run that has ended: how, and all that its agents shared."""

    ended: Ended
    root: Agent
    team: Team


async def run(
    messages: Sequence[AgentMessage],
    config: EngineConfig,
    window: TraceWindow,
    watcher: Watcher,
    *,
    model: Model | None = None,
    resume: bool = False,
    checked: bool = False,
) -> Led:
    """Let a root answer the last of `messages`. `model` takes the place of the provider's.

    With `checked` the answer is held to the contract, which lies among the root's belongings afterwards. With `resume`
    the run goes on from `config.checkpoint_path`.
    PermanentError: there is nothing to look at, nothing was asked, nothing to go on from, or no model can be asked.
    RetryableError: no model answered.
    """
    if not any(message.role == "user" for message in messages):
        raise PermanentError("nothing is asked: the messages hold none with role user")
    if not await asyncio.to_thread(window.reader.keys, window.selection):
        raise PermanentError("there is no trace to ask about in this window")
    if resume and config.checkpoint_path is None:
        raise PermanentError("nothing to resume from: set checkpoint_path")
    state = await saved(config.checkpoint_path, window, messages) if resume and config.checkpoint_path else None
    lineage = (
        Lineage(state.root_id, config.root_agent.name) if state else root_lineage(config.root_agent.name, _token())
    )
    teller = Teller(watcher, Budget(_limits(config), time.monotonic))
    async with AsyncExitStack() as kept:
        if model is None:
            told = partial(teller.step, "retry", lineage, 0, 0)
            model = await kept.enter_async_context(connect(config.model_provider, on_retry=told))
        fence = Fence(state.fence_token if state else secrets.token_hex(8))
        team = _team(config, window, model, teller, lineage, fence, checked)
        root = Agent(team, lineage, config.root_agent, _conversation(messages, team.briefing), kept, set_to_work)
        standing = _held_to_contract(root) if checked else _as_said
        if state is not None:
            go_on(root, state)
        saving = Saving(config.checkpoint_path, messages)
        await saving.begin(root)
        with agent_span(lineage.name, lineage.agent_id, asked_last(messages)) as noted:
            ended = await lead(root, saving.turn_done, standing)
            noted.ended(ended.text, ended.reason)
        if config.emit_run_checkpoints:
            teller.checkpoint(lineage, root.turns, root.messages)
    return Led(ended, root, team)


def asked_last(messages: Sequence[AgentMessage]) -> str:
    """What was asked last, as text."""
    asked = next(message.content for message in reversed(messages) if message.role == "user")
    if isinstance(asked, list):
        return "\n".join(str(part["text"]) for part in asked if "text" in part)
    return asked or ""


def _team(
    config: EngineConfig,
    window: TraceWindow,
    model: Model,
    teller: Teller,
    root: Lineage,
    fence: Fence,
    checked: bool,
) -> Team:
    prices = load_prices(config.prices_path)
    metered = MeteredModel(TracedModel(model, prices.usd), teller.budget, prices.usd, lambda call: team.charged(call))
    team = Team(
        config=config,
        window=window,
        model=metered,
        caller=Caller(load_tools({}), fence),
        fence=fence,
        budget=teller.budget,
        teller=teller,
        briefing=_briefing(config, fence, contract_rules() if checked else ""),
        new_compactor=lambda lineage: Compactor(config, metered, lineage.agent_id, fence),
        new_token=_token,
        root_id=root.agent_id,
        agents=1,
    )
    return team


def _held_to_contract(root: Agent) -> Standing:
    """Give a root its contract; what stands by it of last words."""
    team = root.team
    contract = Contract(team.window, team.shown)
    root.belongings[CONTRACT] = contract

    async def standing(text: str) -> str:
        return str(await contract.conclude(text, team.repository))

    return standing


async def _as_said(text: str) -> str:
    return text


def _briefing(config: EngineConfig, fence: Fence, contract: str) -> Briefing:
    return Briefing(
        root_turns=config.root_agent.maximum_turns,
        subagent_turns=config.subagent.maximum_turns,
        deepest=config.maximum_depth,
        parallel=config.maximum_parallel_subagents,
        fence_rule=fence.rule,
        contract=contract,
        dataset_context=config.dataset_context,
        repository=config.repo_path is not None,
    )


def _conversation(messages: Sequence[AgentMessage], briefing: Briefing) -> list[AgentMessage]:
    """The root's conversation; a system message that leads it, as in a checkpoint, stays, with this run's fence."""
    first = messages[0]
    if first.role == "system" and isinstance(first.content, str):
        told = first.model_copy(update={"content": f"{first.content}\n\n{briefing.fence_rule}"})
        return [told, *messages[1:]]
    return [AgentMessage(role="system", content=root_prompt(briefing)), *messages]


def _limits(config: EngineConfig) -> BudgetLimits:
    return BudgetLimits(config.budget_tokens, config.budget_usd, config.budget_seconds)


def _token() -> str:
    return secrets.token_hex(4)
