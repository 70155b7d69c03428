"""A model whose every call is charged to the run it is made for."""

from collections.abc import Callable

from domain.errors import PermanentError
from engine.budgets import Budget
from engine.llm.model import Model, ModelAnswer, ModelCall, ModelUsage, OnText

Usd = Callable[[str, ModelUsage], float | None]
"""What a model's usage costs; None when its price is not known."""


class MeteredModel:
    """Charges calls to a budget, and makes none when that is used up.

    `models` are those that answered in the whole run; `answered` tells whether one has in this process.
    """

    def __init__(self, model: Model, budget: Budget, usd: Usd, charged: Callable[[ModelCall], None]) -> None:
        self._model = model
        self._budget = budget
        self._usd = usd
        self._charged = charged
        self.models: dict[str, None] = {}
        self.answered = False

    def has_price(self, model: str) -> bool:
        """Whether calls of a model count towards a limit in dollars."""
        return self._usd(model, ModelUsage()) is not None

    async def answer(self, call: ModelCall, on_text: OnText | None = None) -> ModelAnswer:
        """The model's answer, paid for. PermanentError: nothing is left to pay with; else as the model raises."""
        if spent := self._budget.exceeded():
            raise PermanentError(spent)
        answer = await self._model.answer(call, on_text)
        name = answer.model or call.config.name
        self.models[name] = None
        self.answered = True
        self._budget.charge(answer.usage, self._usd(call.config.name, answer.usage))
        self._charged(call)
        return answer
