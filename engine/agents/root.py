"""The root of a run: it works within the budget, and is asked for what it has when a limit ends its work."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from domain.errors import HaloError, RetryableError
from engine.agents.acting import act
from engine.agents.agent import Agent
from engine.agents.ending import Ended, incomplete_text
from engine.agents.loop import TurnDone, work
from engine.agents.notices import FINAL_TOOL, salvage_request
from engine.agents.stages import Stage
from engine.budgets import RESERVED_SHARE
from engine.models.messages import AgentMessage

Standing = Callable[[str], Awaitable[str]]
CONCLUDING = "concluding"
"""Among the root's belongings when it gives the last answer that it may give."""


async def lead(root: Agent, turn_done: TurnDone, standing: Standing) -> Ended:
    """Let the root work and conclude; its last message is told with `final`, whatever came of it.

    `standing` gives what may be told of last words that no final tool has taken.
    PermanentError, RetryableError: no model has answered at all, so there is nothing to tell.
    """
    _warn_of_prices(root)
    ended = await _worked(root, turn_done)
    if ended.may_conclude:
        ended = await _concluded(root, ended)
    if not root.team.model.models:
        raise RetryableError(_unanswered(root, ended))
    if not ended.accepted:
        ended = replace(ended, text=await standing(ended.text))
        root.tell(AgentMessage(role="assistant", content=incomplete_text(ended)), final=True)
    root.step("agent_done", ended.reason or "done")
    return ended


def _warn_of_prices(root: Agent) -> None:
    """Say once that a limit in dollars does not count some of the run's models."""
    config, limit = root.team.config, root.team.budget.limits.usd
    models = (root.settings.model, config.subagent.model, config.synthesis_model, config.compaction_model)
    missing = [name for name in dict.fromkeys(each.name for each in models) if not root.team.model.has_price(name)]
    if limit is not None and missing:
        names = ", ".join(missing)
        root.step("retry", f"the budget of ${limit:,.2f} does not count {names}: no price is known; give a price table")


def _unanswered(root: Agent, ended: Ended) -> str:
    limit = root.team.budget.limits.seconds
    if limit is None:
        return f"no model has answered: {ended.reason}"
    return f"the endpoint did not answer within the budget of {limit:g} seconds; give it more time, or ask another"


async def _worked(root: Agent, turn_done: TurnDone) -> Ended:
    """Work until the budget is spent but for what concluding takes."""
    budget = root.team.budget
    limit = budget.limits.seconds
    seconds = None if limit is None else max((1.0 - RESERVED_SHARE) * limit - budget.seconds, 0.0)
    ended: Ended | None = None
    async with root.team.enter(Stage(budget.spent, seconds)):
        ended = await _asked(root, turn_done)
    if ended is None:
        reason = budget.spent() or (f"the budget of {limit:g} seconds is spent" if limit else "the run was cut off")
        root.mend(reason)
        return Ended(root.last_text, reason, may_conclude=True)
    return ended


async def _asked(root: Agent, turn_done: TurnDone) -> Ended:
    try:
        return await work(root, turn_done)
    except HaloError as error:
        if not root.team.model.answered:
            raise
        root.mend("the run was cut off")
        return Ended(root.last_text, f"the model could not be asked any more: {error}")


async def _concluded(root: Agent, stopped: Ended) -> Ended:
    """Ask once for the final answer, within what is left; the answer is incomplete for the reason of the stop."""
    budget = root.team.budget
    final: Ended | None = None
    if budget.exceeded():
        return stopped
    async with root.team.enter(Stage(budget.exceeded, budget.seconds_left)):
        final = await _last_words(root, stopped.reason)
    if final is None or not final.accepted:
        return Ended(root.last_text, stopped.reason)
    return Ended(final.text, stopped.reason, accepted=True)


async def _last_words(root: Agent, reason: str) -> Ended | None:
    root.belongings[CONCLUDING] = True
    try:
        answer = await root.ask(salvage_request(reason), forced_tool=FINAL_TOOL)
    except HaloError:
        return None
    if answer.tool_calls:
        return await act(root, answer, final_only=True)
    root.keep(answer)
    root.tell(AgentMessage(role="assistant", content=answer.text or answer.refusal or None))
    return None
