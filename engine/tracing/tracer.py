"""Spans of the engine's own work, nested as the work is: a run's agents, their model calls, their tools.

The span one stands in is known from the context, which tasks inherit, so nothing has to be handed through. Without a
tracer in the context everything here does nothing. What is traced never fails for being traced.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from domain.otlp import KeyValue, Span, Status, any_value
from engine.llm.model import Model, ModelAnswer, ModelCall, ModelUsage, OnText
from engine.tracing.attributes import (
    Attributes,
    agent_attributes,
    answer_attributes,
    call_attributes,
    cut,
    tool_attributes,
)

Finished = Callable[[Span], None]
"""Told of each span when it has ended."""
Price = Callable[[str, ModelUsage], float | None]
"""What a model's usage cost in dollars; None when its price is unknown."""


@dataclass(frozen=True)
class Tracer:
    """One run's spans: its id, who is told of them, a clock in nanoseconds since the epoch, and random bytes."""

    run_id: str
    finished: Finished
    now_ns: Callable[[], int] = time.time_ns
    random: Callable[[int], bytes] = secrets.token_bytes
    trace_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trace_id", self.random(16))


@dataclass
class Noted:
    """A span under way; what is added to it is kept when it ends."""

    span: Span | None = None

    def add(self, said: Attributes) -> None:
        """More of what is known of it."""
        if self.span is not None:
            self.span.attributes.extend(KeyValue(key=key, value=any_value(value)) for key, value in said.items())

    def ended(self, output: str, failure: str = "") -> None:
        """What came of it, and what went wrong, if anything did."""
        self.add({"output.value": cut(output)})
        if failure:
            self.fail(failure)

    def fail(self, message: str) -> None:
        """Say that it went wrong."""
        if self.span is not None:
            self.span.status.code = Status.StatusCode.STATUS_CODE_ERROR
            self.span.status.message = cut(message)


_TRACER: ContextVar[Tracer | None] = ContextVar("tracer", default=None)
_PARENT: ContextVar[bytes] = ContextVar("parent", default=b"")


@contextmanager
def tracing(tracer: Tracer | None) -> Iterator[None]:
    """All that is done within is traced; with None, nothing is."""
    token = _TRACER.set(tracer)
    try:
        yield
    finally:
        _TRACER.reset(token)


@contextmanager
def agent_span(name: str, agent_id: str, asked: str) -> Iterator[Noted]:
    """An agent at work."""
    tracer = _TRACER.get()
    run_id = tracer.run_id if tracer else ""
    with _span(f"invoke_agent {name}", agent_attributes(name, agent_id, run_id, asked)) as noted:
        yield noted


@contextmanager
def tool_span(name: str, call_id: str, arguments: str) -> Iterator[Noted]:
    """A tool at work."""
    with _span(f"execute_tool {name}", tool_attributes(name, call_id, arguments)) as noted:
        yield noted


@contextmanager
def _span(name: str, said: Attributes) -> Iterator[Noted]:
    tracer = _TRACER.get()
    if tracer is None:
        yield Noted()
        return
    parent = _PARENT.get()
    span = Span(
        trace_id=tracer.trace_id,
        span_id=tracer.random(8),
        parent_span_id=parent,
        name=name,
        kind=Span.SpanKind.SPAN_KIND_INTERNAL,
        start_time_unix_nano=tracer.now_ns(),
    )
    noted = Noted(span)
    noted.add(said)
    token = _PARENT.set(span.span_id)
    try:
        yield noted
    except BaseException as error:
        noted.fail(f"{type(error).__name__}: {error}")
        raise
    finally:
        _PARENT.reset(token)
        span.end_time_unix_nano = tracer.now_ns()
        tracer.finished(span)


class TracedModel:
    """A model whose calls are traced; implements `engine.llm.model.Model`."""

    def __init__(self, model: Model, price: Price) -> None:
        self._model = model
        self._price = price

    async def answer(self, call: ModelCall, on_text: OnText | None = None) -> ModelAnswer:
        """As the model's own."""
        if _TRACER.get() is None:
            return await self._model.answer(call, on_text)
        with _span(f"chat {call.config.name}", call_attributes(call)) as noted:
            answer = await self._model.answer(call, on_text)
            noted.add(answer_attributes(answer, self._price(call.config.name, answer.usage)))
            return answer
