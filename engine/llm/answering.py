"""An answer while it comes in, whichever API it comes through.

Both APIs send the same things in other envelopes: an id, pieces of text, pieces of tool calls, a refusal, a reason to
stop, a bill. They are put together here, once, so that an agent cannot tell from an answer which API gave it.
"""

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from engine.llm.failures import Failure
from engine.llm.model import Finish, ModelAnswer, ModelUsage, OnText
from engine.llm.refusals import refusal_of
from engine.models.messages import AgentToolCall, AgentToolFunction

BROKE_OFF = Failure("the answer broke off before its end")
EMPTY = Failure("the answer was empty")
STOPPED_IN_ERROR = Failure("the endpoint stopped the answer with an error")
NAMELESS = "nameless"
"""What a call without a name is a call of: no tool, which the model is told, under a name that can be sent back."""


def number(value: Any) -> int:
    """A token count as an int that is not negative; anything else an endpoint may send is 0."""
    return max(0, int(value)) if isinstance(value, int | float) else 0


@dataclass
class _Call:
    key: int | None
    id: str
    name: str
    arguments: list[str] = field(default_factory=list)


@dataclass
class Answering:
    """Collects one answer; `fallback_id` names it when the endpoint does not."""

    on_text: OnText | None
    fallback_id: str
    has_content: bool = False
    """Whether anything came that belongs to an answer; a stream without it was empty."""
    _id: str = ""
    _model: str = ""
    _text: list[str] = field(default_factory=list)
    _refusal: list[str] = field(default_factory=list)
    _calls: list[_Call] = field(default_factory=list)
    _finish: Finish | None = None
    _failure: Failure | None = None
    usage: ModelUsage = field(default_factory=ModelUsage)

    def opened(self, item_id: Any, model: Any) -> None:
        """The endpoint's id of the answer and the model that gives it; the first of each holds."""
        self._id = self._id or str(item_id or "")
        self._model = self._model or str(model or "")

    def renamed(self, item_id: str) -> None:
        """The id of the answer's text, where it has one of its own; the first text's holds."""
        if not self._text:
            self._id = item_id or self._id

    def said(self, piece: str | None) -> None:
        """The next piece of text."""
        if piece:
            self._text.append(piece)
            if self.on_text is not None:
                self.on_text(self.item_id, piece)

    def refused(self, piece: str | None) -> None:
        """The next piece of a structured refusal."""
        if piece:
            self._refusal.append(piece)

    def called(self, key: int | None, call_id: str, name: str, arguments: str) -> None:
        """The next piece of a tool call.

        Pieces belong together by `key`; a piece that brings another id and a name begins another call, because
        some endpoints send all their calls under the same key or none.
        """
        call = self._open_call(key, call_id)
        if call is None or (name and call_id and call.id and call_id != call.id):
            call = _Call(key, call_id, name)
            self._calls.append(call)
        call.id = call.id or call_id
        call.name = call.name or name
        call.arguments.append(arguments)

    def _open_call(self, key: int | None, call_id: str) -> _Call | None:
        same = [call for call in self._calls if call.key == key]
        return next((call for call in same if call_id and call.id == call_id), same[-1] if same else None)

    def finished(self, finish: Finish, reason: str) -> None:
        """The endpoint's reason to stop; `error` is one some routers use."""
        self._finish = finish
        if reason == "error":
            self._failure = STOPPED_IN_ERROR

    def failed(self, failure: Failure) -> None:
        """The endpoint reported a failure inside the answer."""
        self._failure = failure

    def used(self, usage: ModelUsage) -> None:
        """The bill; the last one holds, since some endpoints send it with every piece."""
        self.usage = usage

    @property
    def item_id(self) -> str:
        return self._id or self.fallback_id

    def result(self) -> ModelAnswer | Failure:
        """The answer, or why there is none; `usage` of an answer counts no request, the caller does."""
        if self._failure is not None:
            return self._failure
        if not self.has_content:
            return EMPTY
        if self._finish is None:
            return BROKE_OFF
        text, finish = "".join(self._text), self._finish
        calls = self._tool_calls()
        if calls and finish == "stop":
            finish = "tool_calls"
        refusal = refusal_of("".join(self._refusal), text, bool(calls), finish)
        answer = ModelAnswer(self.item_id, text, calls, refusal, finish, usage=self.usage)
        return replace(answer, model=self._model)

    def _tool_calls(self) -> tuple[AgentToolCall, ...]:
        """The calls with ids and names that any endpoint takes back: no id twice, nothing empty."""
        taken: set[str] = set()
        calls = []
        for index, call in enumerate(self._calls):
            wanted = call.id.strip() or f"call_{self.item_id}_{index}"
            others = (f"{wanted}_{number}" for number in itertools.count(2))
            free = next(each for each in itertools.chain([wanted], others) if each not in taken)
            taken.add(free)
            arguments = "".join(call.arguments) or "{}"
            function = AgentToolFunction(name=call.name.strip() or NAMELESS, arguments=arguments)
            calls.append(AgentToolCall(id=free, function=function))
        return tuple(calls)
