"""The agent: asks the model, runs the tools it names, until there is an answer; traced the OpenInference way.

Span attributes: https://arize-ai.github.io/openinference/spec/semantic_conventions.html. The LLM spans are
written by the instrumentation of the `openai` client, AGENT and TOOL spans here.
"""

import json
from collections import Counter
from random import Random
from typing import Any

from openai import OpenAI
from openai.types.chat import (
    ChatCompletionMessage,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
)
from openinference.instrumentation import get_attributes_from_context, using_session
from opentelemetry.trace import StatusCode, Tracer

from examples.demo_agent.shop import Shop
from examples.demo_agent.tally import Fault, Tally
from examples.demo_agent.tickets import Ticket
from examples.demo_agent.tools import DECLARATIONS, FAILURE_PREFIX, OrderDesk, UnknownToolError, call_tool

AGENT_NAME = "order_support"
MODEL_NAME = "scripted-support-1"
MAX_TURNS = 12
MAX_ANSWER_TOKENS = 120
LOOP_CALLS = 3

_INSTRUCTIONS = (
    "You work at the order desk of a shop for kitchen machines. Use the tools to look things up; never guess "
    "an order, a customer or a rule. Answer the customer in a few friendly sentences."
)
_FAULT_OF: dict[type[Exception], Fault] = {
    TypeError: Fault.UNUSABLE_TOOL,
    ConnectionError: Fault.FLAKY_BACKEND,
    UnknownToolError: Fault.HALLUCINATED_TOOL,
}
_FAILURES = tuple(_FAULT_OF)


class SupportAgent:
    """Works on tickets one by one and keeps the tally of what happened."""

    def __init__(self, client: OpenAI, tracer: Tracer, shop: Shop, tally: Tally, rng: Random) -> None:
        self._client = client
        self._tracer = tracer
        self._shop = shop
        self._tally = tally
        self._rng = rng

    def handle(self, ticket: Ticket) -> None:
        """Work on a ticket: one trace, with the AGENT span at its root.

        The root is in error when the ticket is closed although the last tool call failed.
        """
        self._tally.traces += 1
        attributes = {
            "openinference.span.kind": "AGENT",
            "agent.name": AGENT_NAME,
            "session.id": ticket.session_id,
            "input.value": ticket.question,
            "input.mime_type": "text/plain",
        }
        with (
            using_session(ticket.session_id),
            self._tracer.start_as_current_span(AGENT_NAME, attributes=attributes) as span,
        ):
            conversation = _Conversation(self._client, self._tracer, self._tally, ticket)
            answer = conversation.hold(OrderDesk(self._shop, ticket.outage, self._rng))
            span.set_attributes({"output.value": answer, "output.mime_type": "text/plain"})
            if conversation.failing_tool is None:
                span.set_status(StatusCode.OK)
            else:
                self._tally.failed_traces += 1
                reason = f"ticket {ticket.id} closed unresolved: {conversation.failing_tool} failed"
                span.set_status(StatusCode.ERROR, reason)


class _Conversation:
    """One ticket's exchange with the model, and what went wrong in it."""

    def __init__(self, client: OpenAI, tracer: Tracer, tally: Tally, ticket: Ticket) -> None:
        self._client = client
        self._tracer = tracer
        self._tally = tally
        self._ticket = ticket
        self._messages: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": _INSTRUCTIONS},
            {"role": "user", "content": f"{ticket.id}\n{ticket.question}"},
        ]
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._failures_in_a_row: dict[str, tuple[Fault, int]] = {}
        self.failing_tool: str | None = None
        """The tool of the last call, if that failed."""

    def hold(self, desk: OrderDesk) -> str:
        """Take turns with the model until it answers; its answer."""
        for _ in range(MAX_TURNS):
            message, finish_reason = self._ask()
            calls = [call for call in message.tool_calls or () if call.type == "function"]
            if not calls:
                self._close(finish_reason)
                return message.content or ""
            self._messages.append(
                {"role": "assistant", "content": message.content, "tool_calls": [_as_sent(call) for call in calls]}
            )
            for call in calls:
                answer = self._run(desk, call)
                self._messages.append({"role": "tool", "tool_call_id": call.id, "content": answer})
        raise RuntimeError(f"ticket {self._ticket.id}: no answer after {MAX_TURNS} turns")

    def _ask(self) -> tuple[ChatCompletionMessage, str]:
        completion = self._client.chat.completions.create(
            model=MODEL_NAME,
            messages=self._messages,
            tools=DECLARATIONS,
            max_completion_tokens=MAX_ANSWER_TOKENS,
        )
        self._tally.llm_calls += 1
        if completion.usage is not None:
            self._tally.input_tokens += completion.usage.prompt_tokens
            self._tally.output_tokens += completion.usage.completion_tokens
        choice = completion.choices[0]
        return choice.message, choice.finish_reason

    def _close(self, finish_reason: str) -> None:
        if finish_reason == "length":
            self._tally.commit(Fault.TRUNCATED, self._ticket.id)
        for fault, _ in self._failures_in_a_row.values():
            self._tally.faults[fault].unrecovered += 1

    def _run(self, desk: OrderDesk, call: ChatCompletionMessageFunctionToolCall) -> str:
        """Run one tool in a span of its own; what the model is told about it."""
        name = call.function.name
        self._tally.tool_calls[name] += 1
        try:
            with self._tracer.start_as_current_span(name, attributes=_tool_attributes(call)) as span:
                result = json.dumps(call_tool(desk, name, json.loads(call.function.arguments)))
                span.set_attributes({"output.value": result, "output.mime_type": "application/json"})
                span.set_status(StatusCode.OK)
        except _FAILURES as error:
            self._failed(name, error)
            return f"{FAILURE_PREFIX}{type(error).__name__}: {error}"
        self._worked(name, call.function.arguments, result)
        return result

    def _failed(self, tool: str, error: Exception) -> None:
        fault = _FAULT_OF[type(error)]
        self._tally.failed_tool_calls[tool] += 1
        self._tally.commit(fault, self._ticket.id, tool)
        in_a_row = self._failures_in_a_row.get(tool, (fault, 0))[1] + 1
        self._failures_in_a_row[tool] = (fault, in_a_row)
        self.failing_tool = tool
        if in_a_row == 2:
            self._tally.faults[fault].retry_storms += 1

    def _worked(self, tool: str, arguments: str, result: str) -> None:
        self._failures_in_a_row.pop(tool, None)
        self.failing_tool = None
        self._seen[tool, arguments, result] += 1
        times = self._seen[tool, arguments, result]
        if times >= LOOP_CALLS:
            self._tally.commit(Fault.LOOP, self._ticket.id, tool, LOOP_CALLS if times == LOOP_CALLS else 1)


def _as_sent(call: ChatCompletionMessageFunctionToolCall) -> ChatCompletionMessageFunctionToolCallParam:
    function = call.function
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": function.name, "arguments": function.arguments},
    }


def _tool_attributes(call: ChatCompletionMessageFunctionToolCall) -> dict[str, Any]:
    """What is known of a tool call before it runs; an undeclared tool has neither description nor schema."""
    declared = next((d["function"] for d in DECLARATIONS if d["function"]["name"] == call.function.name), None)
    about = {}
    if declared is not None:
        about = {
            "tool.description": declared["description"],
            "tool.parameters": json.dumps(declared["parameters"]),
        }
    return {
        "openinference.span.kind": "TOOL",
        "tool.name": call.function.name,
        "tool.id": call.id,
        "input.value": call.function.arguments,
        "input.mime_type": "application/json",
        **about,
        **dict(get_attributes_from_context()),
    }
