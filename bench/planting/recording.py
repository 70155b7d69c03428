"""Stories as spans, in three dialects that share no key: OpenInference, OpenTelemetry GenAI, OpenLLMetry."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.planting.story import Call, Story, Turn
from domain.otlp import (
    ExportTraceServiceRequest,
    PlainValue,
    Resource,
    ResourceSpans,
    ScopeSpans,
    Span,
    Status,
    any_value,
)

START_NS = 1_772_000_000_000_000_000
_CHARS_A_TOKEN = 4


class Said(NamedTuple):
    """One message of a history."""

    role: str
    text: str
    calls: Sequence[Call] = ()
    call_id: str = ""


class Exchange(NamedTuple):
    """What a model was given, and what it answered."""

    history: Sequence[Said]
    turn: Turn
    story: Story
    input_tokens: int
    output_tokens: int


Attributes = dict[str, PlainValue]


def _arguments(call: Call) -> str:
    return call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)


def _declared(story: Story) -> Iterator[dict[str, Any]]:
    for name, schema in story.tools.items():
        yield {"type": "function", "function": {"name": name, "description": f"{name} tool", "parameters": schema}}


def _finish(turn: Turn) -> str:
    return turn.finish or ("tool_calls" if turn.calls else "stop")


class OpenInference:
    """https://arize-ai.github.io/openinference/spec/"""

    name = "openinference"

    def agent(self, story: Story, name: str, output: str) -> Attributes:
        found: Attributes = {"openinference.span.kind": "AGENT", "agent.name": name, "input.value": story.user}
        if output:
            found["output.value"] = output
        if story.max_steps is not None:
            found["smolagents.max_steps"] = story.max_steps
        return found

    def model(self, asked: Exchange) -> Attributes:
        turn = asked.turn
        found: Attributes = {
            "openinference.span.kind": "LLM",
            "llm.model_name": turn.model,
            "llm.provider": "openai",
            "llm.invocation_parameters": json.dumps({"max_tokens": turn.max_tokens}),
            "llm.token_count.prompt": asked.input_tokens,
            "llm.token_count.completion": asked.output_tokens,
        }
        if turn.cached_tokens is not None:
            found["llm.token_count.prompt_details.cache_read"] = turn.cached_tokens
        if asked.story.cost_usd is not None:
            found["llm.cost.total"] = asked.story.cost_usd
        for at, said in enumerate(asked.history):
            found |= self._message(f"llm.input_messages.{at}.message", said)
        if not turn.error:
            found["llm.finish_reason"] = _finish(turn)
            found |= self._message("llm.output_messages.0.message", Said("assistant", turn.text, turn.calls))
        for at, tool in enumerate(_declared(asked.story)):
            found[f"llm.tools.{at}.tool.json_schema"] = json.dumps(tool)
        return found

    def _message(self, prefix: str, said: Said) -> Attributes:
        found: Attributes = {f"{prefix}.role": said.role, f"{prefix}.content": said.text}
        if said.call_id:
            found[f"{prefix}.tool_call_id"] = said.call_id
        for at, call in enumerate(said.calls):
            start = f"{prefix}.tool_calls.{at}.tool_call"
            found[f"{start}.id"] = call.call_id
            found[f"{start}.function.name"] = call.tool
            found[f"{start}.function.arguments"] = _arguments(call)
        return found

    def tool(self, call: Call) -> Attributes:
        found: Attributes = {
            "openinference.span.kind": "TOOL",
            "tool.name": call.tool,
            "tool.id": call.call_id,
            "input.value": _arguments(call),
            "input.mime_type": "application/json",
        }
        return found if call.error else found | {"output.value": call.result}


class GenAI:
    """https://opentelemetry.io/docs/specs/semconv/gen-ai/"""

    name = "gen_ai"

    def agent(self, story: Story, name: str, output: str) -> Attributes:
        found: Attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
        found["gen_ai.input.messages"] = json.dumps([self._message(Said("user", story.user))])
        if output:
            found["gen_ai.output.messages"] = json.dumps([self._message(Said("assistant", output))])
        if story.max_steps is not None:
            found["smolagents.max_steps"] = story.max_steps
        return found

    def model(self, asked: Exchange) -> Attributes:
        turn = asked.turn
        found: Attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": turn.model,
            "gen_ai.request.max_tokens": turn.max_tokens,
            "gen_ai.usage.input_tokens": asked.input_tokens,
            "gen_ai.usage.output_tokens": asked.output_tokens,
            "gen_ai.tool.definitions": json.dumps([tool["function"] for tool in _declared(asked.story)]),
            "gen_ai.input.messages": json.dumps([self._message(said) for said in asked.history]),
        }
        if turn.cached_tokens is not None:
            found["gen_ai.usage.cache_read.input_tokens"] = turn.cached_tokens
        if asked.story.cost_usd is not None:
            found["gen_ai.usage.cost"] = asked.story.cost_usd
        if not turn.error:
            found["gen_ai.response.finish_reasons"] = [_finish(turn)]
            answer = self._message(Said("assistant", turn.text, turn.calls)) | {"finish_reason": _finish(turn)}
            found["gen_ai.output.messages"] = json.dumps([answer])
        return found

    def _message(self, said: Said) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        if said.call_id:
            parts.append({"type": "tool_call_response", "id": said.call_id, "response": said.text})
        elif said.text:
            parts.append({"type": "text", "content": said.text})
        for call in said.calls:
            parts.append({"type": "tool_call", "id": call.call_id, "name": call.tool, "arguments": call.arguments})
        return {"role": said.role, "parts": parts}

    def tool(self, call: Call) -> Attributes:
        found: Attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.call.id": call.call_id,
            "gen_ai.tool.call.arguments": _arguments(call),
        }
        if call.error_type:
            found["error.type"] = call.error_type
        return found if call.error else found | {"gen_ai.tool.call.result": call.result}


class OpenLLMetry:
    """https://www.traceloop.com/docs/openllmetry/contributing/semantic-conventions"""

    name = "openllmetry"

    def agent(self, story: Story, name: str, output: str) -> Attributes:
        found: Attributes = {"traceloop.span.kind": "agent", "traceloop.entity.name": name}
        found["traceloop.entity.input"] = json.dumps({"question": story.user})
        if output:
            found["traceloop.entity.output"] = json.dumps(output)
        if story.max_steps is not None:
            found["smolagents.max_steps"] = story.max_steps
        return found

    def model(self, asked: Exchange) -> Attributes:
        turn = asked.turn
        found: Attributes = {
            "llm.request.type": "chat",
            "gen_ai.system": "openai",
            "gen_ai.request.model": turn.model,
            "gen_ai.request.max_tokens": turn.max_tokens,
            "gen_ai.usage.prompt_tokens": asked.input_tokens,
            "gen_ai.usage.completion_tokens": asked.output_tokens,
        }
        if turn.cached_tokens is not None:
            found["gen_ai.usage.cache_read_input_tokens"] = turn.cached_tokens
        if asked.story.cost_usd is not None:
            found["gen_ai.usage.cost"] = asked.story.cost_usd
        for at, said in enumerate(asked.history):
            found |= self._message(f"gen_ai.prompt.{at}", said)
        if not turn.error:
            found |= self._message("gen_ai.completion.0", Said("assistant", turn.text, turn.calls))
            found["gen_ai.completion.0.finish_reason"] = _finish(turn)
        for at, tool in enumerate(_declared(asked.story)):
            function = tool["function"]
            found[f"llm.request.functions.{at}.name"] = function["name"]
            found[f"llm.request.functions.{at}.parameters"] = json.dumps(function["parameters"])
        return found

    def _message(self, prefix: str, said: Said) -> Attributes:
        found: Attributes = {f"{prefix}.role": said.role, f"{prefix}.content": said.text}
        if said.call_id:
            found[f"{prefix}.tool_call_id"] = said.call_id
        for at, call in enumerate(said.calls):
            found[f"{prefix}.tool_calls.{at}.id"] = call.call_id
            found[f"{prefix}.tool_calls.{at}.name"] = call.tool
            found[f"{prefix}.tool_calls.{at}.arguments"] = _arguments(call)
        return found

    def tool(self, call: Call) -> Attributes:
        found: Attributes = {
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": call.tool,
            "traceloop.entity.input": _arguments(call),
        }
        return found if call.error else found | {"traceloop.entity.output": json.dumps(call.result)}


Dialect = OpenInference | GenAI | OpenLLMetry
DIALECTS: Mapping[str, Dialect] = {each.name: each for each in (OpenInference(), GenAI(), OpenLLMetry())}


@dataclass
class _Recorder:
    """Writes down one story, step by step."""

    story: Story
    dialect: Dialect
    trace_id: bytes

    def __post_init__(self) -> None:
        self.spans: list[Span] = []
        self.now_s = self.story.started_s
        self.agents: dict[str, Span] = {}

    def span(self, name: str, attributes: Attributes, parent: bytes, seconds: float, error: str, kind: str) -> Span:
        span = Span(trace_id=self.trace_id, span_id=(len(self.spans) + 1).to_bytes(8, "big"), parent_span_id=parent)
        span.name = name
        span.start_time_unix_nano = START_NS + round(self.now_s * 1e9)
        self.now_s += seconds
        span.end_time_unix_nano = START_NS + round(self.now_s * 1e9)
        for key, value in attributes.items():
            span.attributes.add(key=key).value.CopyFrom(any_value(value))
        if error:
            span.status.code = Status.STATUS_CODE_ERROR
            span.status.message = error
            event = span.events.add(name="exception", time_unix_nano=span.end_time_unix_nano)
            event.attributes.add(key="exception.type").value.string_value = kind or "RuntimeError"
            event.attributes.add(key="exception.message").value.string_value = error
        self.spans.append(span)
        self.now_s += self.story.pause_s
        return span

    def agent(self, name: str) -> Span:
        if name not in self.agents:
            story = self.story
            above = self.agents[story.agent].span_id if self.agents else b""
            output = _last_text(story) if story.root_output is None else story.root_output
            attributes = self.dialect.agent(story, name, "" if story.root_error else output)
            error = story.root_error if not self.agents else ""
            self.agents[name] = self.span(name, attributes, above, 0.0, error, "")
        return self.agents[name]

    def record(self) -> list[Span]:
        story, number = self.story, 0
        root = self.agent(story.agent)
        if story.session:
            root.attributes.add(key="session.id").value.string_value = story.session
        if story.task:
            root.attributes.add(key="task.id").value.string_value = story.task
        start = [Said("system", story.system), Said("user", story.user)]
        history = list(start)
        for turn in story.turns:
            agent = self.agent(turn.by or story.agent)
            for call in turn.calls:
                number += 1
                call.call_id = call.call_id or f"call_{self.trace_id.hex()[-6:]}_{number}"
            history = list(start) if turn.forgets else history
            self.model(turn, history, agent.span_id)
            if turn.error:
                continue
            history.append(Said("assistant", turn.text, turn.calls))
            for call in turn.calls:
                if not call.vanishes:
                    attributes = self.dialect.tool(call)
                    self.span(call.tool, attributes, agent.span_id, call.seconds, call.error, call.error_type)
                    history.append(Said("tool", call.error or call.result, call_id=call.call_id))
        for agent in self.agents.values():
            agent.end_time_unix_nano = START_NS + round(self.now_s * 1e9)
        if story.passed is not None:
            _evaluate(root, story.passed)
        return self.spans[1:] if "root" in story.lost else self.spans

    def model(self, turn: Turn, history: Sequence[Said], parent: bytes) -> None:
        given = sum(len(said.text) + sum(len(_arguments(call)) for call in said.calls) for said in history)
        made = len(turn.text) + sum(len(_arguments(call)) for call in turn.calls)
        asked = Exchange(
            tuple(history),
            turn,
            self.story,
            given // _CHARS_A_TOKEN if turn.input_tokens is None else turn.input_tokens,
            max(made // _CHARS_A_TOKEN, 1) if turn.output_tokens is None else turn.output_tokens,
        )
        self.span(f"chat {turn.model}", self.dialect.model(asked), parent, turn.seconds, turn.error, turn.error_type)


def _last_text(story: Story) -> str:
    return next((turn.text for turn in reversed(story.turns) if turn.text), "")


def _evaluate(root: Span, passed: bool) -> None:
    event = root.events.add(name="gen_ai.evaluation.result", time_unix_nano=root.end_time_unix_nano)
    event.attributes.add(key="gen_ai.evaluation.name").value.string_value = "task_success"
    event.attributes.add(key="gen_ai.evaluation.score.value").value.double_value = float(passed)
    event.attributes.add(key="gen_ai.evaluation.score.label").value.string_value = "pass" if passed else "fail"


def trace_id(number: int) -> bytes:
    """The id of the n-th story's trace."""
    return (number + 1).to_bytes(16, "big")


def recorded(stories: Sequence[Story], dialect: Dialect) -> Iterator[ExportTraceServiceRequest]:
    """A request for each story, as its agent's exporter would send it."""
    for number, story in enumerate(stories):
        resource = Resource()
        resource.attributes.add(key="service.name").value.string_value = story.service
        resource.attributes.add(key="service.version").value.string_value = story.version
        spans = _Recorder(story, dialect, trace_id(number)).record()
        yield ExportTraceServiceRequest(
            resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])]
        )
