"""A model in this process that plays a script, and what listens to a run."""

import json
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from engine.llm.model import Model, ModelAnswer, ModelCall, ModelUsage, OnText
from engine.models.engine_output import AgentOutputItem, AgentTextDelta, EngineStreamEvent, RunCheckpoint
from engine.models.messages import AgentToolCall, AgentToolFunction
from engine.watching import StepStarted

Script = Callable[[ModelCall], "ModelAnswer | BaseException"]
USAGE = ModelUsage(requests=1, input_tokens=100, output_tokens=10)


def says(text: str, *calls: AgentToolCall, **more: Any) -> ModelAnswer:
    """An answer with text and tool calls."""
    return ModelAnswer("answer", text, calls, **{"usage": USAGE, "model": "fake-1", **more})


def calls(*made: AgentToolCall) -> ModelAnswer:
    """An answer that is nothing but tool calls."""
    return says("", *made)


_numbers = count(1)


def tool(name: str, call_id: str = "", /, **arguments: Any) -> AgentToolCall:
    """A tool call; without an id it gets one of its own."""
    function = AgentToolFunction(name=name, arguments=json.dumps(arguments))
    return AgentToolCall(id=call_id or f"call-{next(_numbers)}", function=function)


def concludes(answer: str = "done") -> ModelAnswer:
    """The final answer of a root."""
    return calls(tool("final_answer", answer=answer))


class FakeModel(Model):
    """Plays a script: a function of the call, or answers in order. `asked` are the calls it was given."""

    def __init__(self, script: Script | Iterable[ModelAnswer | BaseException]) -> None:
        self.asked: list[ModelCall] = []
        self._script = script if callable(script) else _in_order(script)

    async def answer(self, call: ModelCall, on_text: OnText | None = None) -> ModelAnswer:
        """What the script says next; its text is told in pieces of five characters."""
        self.asked.append(call)
        answer = self._script(call)
        if isinstance(answer, BaseException):
            raise answer
        if on_text is not None:
            for at in range(0, len(answer.text), 5):
                on_text(answer.item_id, answer.text[at : at + 5])
        return answer


def _in_order(answers: Iterable[ModelAnswer | BaseException]) -> Script:
    remaining = iter(answers)

    def following(call: ModelCall) -> ModelAnswer | BaseException:
        return next(remaining)

    return following


class Heard:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.events: list[EngineStreamEvent] = []
        self.steps: list[StepStarted] = []

    def event(self, event: EngineStreamEvent) -> None:
        self.events.append(event)

    def step(self, step: StepStarted) -> None:
        self.steps.append(step)

    @property
    def items(self) -> list[AgentOutputItem]:
        """Finished messages."""
        return [event for event in self.events if isinstance(event, AgentOutputItem)]

    @property
    def deltas(self) -> list[AgentTextDelta]:
        """Pieces of text."""
        return [event for event in self.events if isinstance(event, AgentTextDelta)]

    @property
    def checkpoints(self) -> list[RunCheckpoint]:
        """Conversations to go on from."""
        return [event for event in self.events if isinstance(event, RunCheckpoint)]
