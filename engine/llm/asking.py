"""One question to a model, as many requests as it takes: concessions within an attempt, attempts within the retries."""

import itertools
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from engine.llm.answering import Answering
from engine.llm.concessions import concession
from engine.llm.failures import Failure, cleaned
from engine.llm.model import ModelAnswer, ModelCall, ModelUsage, OnText
from engine.llm.retrying import Retrying
from engine.llm.translating import value_or_failure

if TYPE_CHECKING:
    import openai

Json = dict[str, Any]


@dataclass(frozen=True)
class Wire:
    """What a request needs: the client, how an API puts a call and reads its answer, and the limits.

    `request` makes the body of a call without the options it is told; `ask` sends one. `clock` is Unix time.
    """

    client: "openai.AsyncOpenAI"
    request: Callable[[ModelCall, Collection[str]], Json]
    ask: Callable[["openai.AsyncOpenAI", Json, Answering], Awaitable[ModelAnswer | Failure]]
    timeout_s: float
    secrets: Collection[str] = field(repr=False)
    clock: Callable[[], float]


class AskedModel:
    """The `Model` that `engine.llm.connecting.connect` gives; it remembers which options a model refused."""

    def __init__(self, wire: Wire, retrying: Retrying) -> None:
        self._wire = wire
        self._retrying = retrying
        self._conceded: set[tuple[str, str]] = set()
        self._numbers = itertools.count(1)

    async def answer(self, call: ModelCall, on_text: OnText | None = None) -> ModelAnswer:
        """As `Model.answer`; leaving out an option that the endpoint refuses takes one more request."""
        bills: list[ModelUsage] = []
        answer = await self._retrying.answer(lambda: self._attempt(call, on_text, bills))
        return replace(answer, usage=sum(bills, ModelUsage()))

    async def _attempt(self, call: ModelCall, on_text: OnText | None, bills: list[ModelUsage]) -> ModelAnswer | Failure:
        model = call.config.name
        while True:
            conceded = frozenset(option for name, option in self._conceded if name == model)
            body = self._wire.request(call, conceded)
            outcome = await self._request(body, on_text, bills)
            option = concession(outcome, body, conceded) if isinstance(outcome, Failure) else None
            if option is None:
                return outcome
            self._conceded.add((model, option))

    async def _request(self, body: Json, on_text: OnText | None, bills: list[ModelUsage]) -> ModelAnswer | Failure:
        wire = self._wire
        answering = Answering(on_text, f"answer-{next(self._numbers)}")
        outcome = await value_or_failure(
            wire.ask(wire.client, body, answering), timeout_s=wire.timeout_s, now=wire.clock()
        )
        bills.append(replace(answering.usage, requests=1))
        return cleaned(outcome, wire.secrets) if isinstance(outcome, Failure) else outcome
