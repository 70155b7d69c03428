"""Facts for tests, made by hand: a run is written down step by step, a second a step."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from analysis.facts import FactWindow, RequestedCall, SpanFact, TraceFacts
from domain.spans import SpanKind, SpanStatus, agent_uuid

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND

_BLANK = SpanFact(
    trace_id="",
    span_id="",
    parent_id="",
    scope_id="",
    issuer_id="",
    service="shop",
    version="",
    agent="clerk",
    name="",
    kind=SpanKind.UNKNOWN,
    start_ns=START,
    end_ns=START + SECOND,
    status=SpanStatus.UNSET,
    leaf_error=False,
    error_type="",
    error_template="",
    provider="",
    model="",
    input_tokens=None,
    output_tokens=None,
    leaf_llm=False,
    tool="",
    call_id="",
    arguments_hash="",
    argument_keys="",
    arguments_problem="",
    arguments_chars=None,
    result_hash="",
    result_chars=None,
    requested=(),
    declared_tools=None,
    finish="",
    max_tokens=None,
    output_chars=None,
    plan_tools=(),
    parent_missing=False,
    answered_calls=(),
)


class Run:
    """One trace of one agent: a root AGENT span, and what is written down below it."""

    def __init__(self, number: int = 0, *, service: str = "shop", agent: str = "clerk", version: str = "") -> None:
        self.trace_id = f"{number:032x}"
        self._service, self._agent, self._version = service, agent, version
        self._spans: list[SpanFact] = []
        self.now = START + number * 3600 * SECOND
        self.complete = True
        self.hangs = False
        self.root = self.span(SpanKind.AGENT, name=agent, parent_id="")

    def span(self, kind: SpanKind, **said: Any) -> str:
        """The id of a new span that lasts a second; it lies in the root unless said otherwise."""
        span_id = f"{len(self._spans) + 1:016x}"
        is_root = not self._spans
        own: dict[str, Any] = {
            "trace_id": self.trace_id,
            "span_id": span_id,
            "parent_id": "" if is_root else self.root,
            "scope_id": span_id if is_root else self.root,
            "service": self._service,
            "agent": self._agent,
            "version": self._version,
            "kind": kind,
            "start_ns": self.now,
            "end_ns": self.now + SECOND,
        }
        self.now += SECOND
        self._spans.append(replace(_BLANK, **(own | said)))
        return span_id

    def ask(self, *calls: RequestedCall, declares: Sequence[str] | None = ("look",), **said: Any) -> str:
        """A model call that asks for tools, or answers."""
        own: dict[str, Any] = {
            "name": "chat",
            "model": "m1",
            "status": SpanStatus.OK,
            "leaf_llm": True,
            "input_tokens": 100,
            "output_tokens": 10,
            "requested": calls,
            "declared_tools": None if declares is None else tuple(declares),
            "output_chars": 0 if calls else 20,
            "finish": "tool_calls" if calls else "stop",
        }
        return self.span(SpanKind.LLM, **(own | said))

    def call(
        self, tool: str = "look", arguments: str = '["query"]', *, value: str = "", error: str = "", **said: Any
    ) -> str:
        """A tool call, after a model asked for it; `value` tells apart arguments with the same keys."""
        issuer = self.ask(request(tool), declares=(tool,))
        return self.bare_call(tool, arguments, value=value, error=error, issuer_id=issuer, **said)

    def bare_call(
        self, tool: str = "look", arguments: str = '["query"]', *, value: str = "", error: str = "", **said: Any
    ) -> str:
        """A tool call that no model call stands before."""
        own: dict[str, Any] = {
            "name": tool,
            "tool": tool,
            "status": SpanStatus.ERROR if error else SpanStatus.OK,
            "leaf_error": bool(error),
            "error_type": error.partition(":")[0] if ":" in error else "",
            "error_template": error,
            "argument_keys": arguments,
            "arguments_hash": digest(arguments + value),
            "arguments_chars": len(arguments),
            "result_hash": "" if error else digest(f"result {len(self._spans)}"),
            "result_chars": None if error else 10,
        }
        return self.span(SpanKind.TOOL, **(own | said))

    def change(self, span_id: str, **said: Any) -> None:
        """Write a span down differently."""
        self._spans = [replace(span, **said) if span.span_id == span_id else span for span in self._spans]

    def fail(self) -> "Run":
        """End the root in error."""
        self.change(self.root, status=SpanStatus.ERROR)
        return self

    def facts(self) -> TraceFacts:
        """The trace; its root ends last, unless it hangs."""
        self.change(self.root, end_ns=0 if self.hangs else self.now)
        uuid = agent_uuid(self._service, self._agent)
        return TraceFacts(self.trace_id, uuid, self._agent, self._service, self.complete, tuple(self._spans))


def request(tool: str = "look", *, call_id: str = "", problem: str = "", declared: bool | None = True) -> RequestedCall:
    """A tool call as a model asks for it."""
    return RequestedCall(call_id, tool, "", problem, declared)


def digest(text: str) -> str:
    """A stand-in for the hash of arguments or of a result."""
    return sha256(text.encode()).hexdigest()[:16]


def window(*runs: Run) -> FactWindow:
    """A window of these runs."""
    return FactWindow.of(run.facts() for run in runs)


NO_ARGUMENT = "TypeError: forward() got an unexpected keyword argument <str>"


def unusable(traces: int = 4, calls: int = 4) -> FactWindow:
    """A tool without arguments that is always given some, but once."""
    runs = []
    for number in range(traces):
        run = Run(number)
        for _ in range(calls):
            run.call("page_down", '[""]', error=NO_ARGUMENT, arguments_problem="unexpected: ''")
        runs.append(run)
    runs[0].call("page_down", "[]")
    for number in range(traces, 2 * traces):
        run = Run(number)
        run.call("look", value=str(number))
        run.ask()
        runs.append(run)
    return window(*runs)
