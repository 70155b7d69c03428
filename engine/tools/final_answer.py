"""The answer of a run, which ends it. An inquiry checks it first, and says once what does not stand."""

from typing import Any

from pydantic import Field

from analysis.asking import DESCRIBABLE
from engine.contract.answer import read_answer
from engine.contract.checking import Contract
from engine.contract.complaint import complaint
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, ToolError, Work

_CONTRACT, _ACCEPTED, _CONCLUDING = "contract", "final_answer", "concluding"


class Config(ToolConfig):
    """How long the checks may take."""

    timeout_s: float = Field(default=600.0, gt=0, description="Longest that checking an answer may take.")


class Input(Arguments):
    """The answer, and what it rests on where that is asked for."""

    answer: str = Field(
        description="The answer in Markdown. Where claims are asked for, numbers in it are references such as {c1}."
    )
    findings: Any = Field(
        default=None,
        description="List of {title, category, owner, severity, confidence, explanation, fix, measure: {affected, of}, "
        "quotes: [{trace_id, span_id, field, quote}], claims: [ids], about}.",
    )
    claims: Any = Field(
        default=None,
        description="Object of claims by id, each {type: count, rate, exists, order, absence or comparison, …}; an ask "
        'is {query, args, answer}, the query "spans" or one that get_findings names. Arguments of spans: '
        f"{', '.join(DESCRIBABLE)}.",
    )


class FinalAnswerTool(ConfiguredTool[Config]):
    """Takes an answer. A contract among the agent's belongings is what it is held to; without one any will do."""

    name = "final_answer"
    description = "Give the final answer and end the run. Call it once, alone, when the work is done."
    arguments = Input

    def offered(self, work: Work) -> bool:
        """To the root alone."""
        return work.depth == 0

    async def answer(self, given: Any, work: Work) -> dict[str, Any]:
        """That it was taken. ToolError, once: what does not stand, while there is time to mend it.

        What was taken lies among the belongings and is, as text, the answer in Markdown.
        """
        contract = work.belongings.get(_CONTRACT)
        if not isinstance(contract, Contract):
            work.belongings[_ACCEPTED] = given.answer
            return {"accepted": True}
        judged = await contract.judge(read_answer(given.answer, given.findings, given.claims), work.repository)
        if judged.problems and not contract.complained and not work.belongings.get(_CONCLUDING):
            contract.complained = True
            raise ToolError(complaint(judged.problems))
        work.belongings[_ACCEPTED] = judged
        return {"accepted": True, "dropped": len(judged.dropped)}


def create(config: Config) -> FinalAnswerTool:
    """The tool."""
    return FinalAnswerTool(config)
