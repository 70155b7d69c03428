"""How the conventions record a scenario: OpenInference, OpenTelemetry GenAI in all its forms, OpenLLMetry."""

from collections.abc import Mapping
from typing import Any

from domain.log_events import span_event
from domain.otlp import LogRecord, PlainValue, Span, any_value
from tests.scenarios import MODEL, Asked, Recorded, Said, Turn, answer, as_json, openai, openai_tools


def _flat(prefix: str, said: Said, names: Mapping[str, str]) -> dict[str, PlainValue]:
    found: dict[str, PlainValue] = {f"{prefix}.role": said.role}
    if said.text:
        found[f"{prefix}.content"] = said.text
    if said.call_id:
        found[f"{prefix}.tool_call_id"] = said.call_id
    for at, call in enumerate(said.calls):
        start = f"{prefix}.tool_calls.{at}"
        found[f"{start}.{names['id']}"] = call.call_id
        found[f"{start}.{names['name']}"] = call.tool
        found[f"{start}.{names['arguments']}"] = as_json(call.arguments)
    return found


_OPENINFERENCE_CALL = {
    "id": "tool_call.id",
    "name": "tool_call.function.name",
    "arguments": "tool_call.function.arguments",
}
_TRACELOOP_CALL = {"id": "id", "name": "name", "arguments": "arguments"}


def openinference_model(turn: Turn) -> Recorded:
    found: dict[str, PlainValue] = {
        "openinference.span.kind": "LLM",
        "llm.model_name": MODEL,
        "llm.finish_reason": turn.step.finish,
        "llm.invocation_parameters": as_json({"model": MODEL, "max_completion_tokens": turn.scenario.max_tokens}),
    }
    for at, said in enumerate(turn.history):
        found |= _flat(f"llm.input_messages.{at}.message", said, _OPENINFERENCE_CALL)
    found |= _flat("llm.output_messages.0.message", answer(turn), _OPENINFERENCE_CALL)
    for at, tool in enumerate(openai_tools(turn.scenario)):
        found[f"llm.tools.{at}.tool.json_schema"] = as_json(tool)
    return Recorded("ChatCompletion", found)


def openinference_tool(call: Asked) -> Recorded:
    return Recorded(
        call.tool,
        {
            "openinference.span.kind": "TOOL",
            "tool.name": call.tool,
            "tool.id": call.call_id,
            "input.value": as_json(call.arguments),
            "input.mime_type": "application/json",
            "output.value": call.result,
        },
    )


def _parts(said: Said) -> list[PlainValue]:
    if said.call_id:
        return [{"type": "tool_call_response", "id": said.call_id, "response": said.text}]
    text: list[PlainValue] = [{"type": "text", "content": said.text}] if said.text else []
    calls: list[PlainValue] = [
        {"type": "tool_call", "id": one.call_id, "name": one.tool, "arguments": one.arguments} for one in said.calls
    ]
    return [*text, *calls]


def genai_base(turn: Turn) -> dict[str, PlainValue]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": turn.scenario.max_tokens,
        "gen_ai.response.finish_reasons": [turn.step.finish],
    }


def _genai_content(turn: Turn, schema_key: str = "parameters") -> dict[str, PlainValue]:
    system, *rest = turn.history
    output: PlainValue = {"role": "assistant", "parts": _parts(answer(turn)), "finish_reason": turn.step.finish}
    definitions: list[PlainValue] = [
        {"type": "function", "name": name, schema_key: schema} for name, schema in turn.scenario.tools.items()
    ]
    return {
        "gen_ai.system_instructions": [{"type": "text", "content": system.text}],
        "gen_ai.input.messages": [{"role": said.role, "parts": _parts(said)} for said in rest],
        "gen_ai.output.messages": [output],
        "gen_ai.tool.definitions": definitions,
    }


def _as_text(found: Mapping[str, PlainValue]) -> dict[str, PlainValue]:
    return {key: as_json(value) for key, value in found.items()}


def genai_model(turn: Turn) -> Recorded:
    return Recorded("chat", genai_base(turn) | _as_text(_genai_content(turn)))


def structured_model(turn: Turn) -> Recorded:
    return Recorded("chat", genai_base(turn) | _genai_content(turn))


def details_model(turn: Turn) -> Recorded:
    event = Span.Event(name="gen_ai.client.inference.operation.details")
    for key, value in _genai_content(turn).items():
        event.attributes.add(key=key).value.CopyFrom(any_value(value))
    return Recorded("chat", genai_base(turn), (event,))


def vercel_7_model(turn: Turn) -> Recorded:
    return Recorded("chat", genai_base(turn) | _as_text(_genai_content(turn, "inputSchema")))


def genai_tool(call: Asked) -> Recorded:
    return Recorded(
        f"execute_tool {call.tool}",
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.call.id": call.call_id,
            "gen_ai.tool.call.arguments": as_json(call.arguments),
            "gen_ai.tool.call.result": call.result,
        },
    )


def structured_tool(call: Asked) -> Recorded:
    recorded = genai_tool(call)
    return recorded._replace(attributes=recorded.attributes | {"gen_ai.tool.call.arguments": call.arguments})


def vercel_7_tool(call: Asked) -> Recorded:
    recorded = genai_tool(call)
    return recorded._replace(attributes=recorded.attributes | {"gen_ai.tool.call.result": as_json(call.result)})


def event_bodies(turn: Turn) -> list[tuple[str, dict[str, Any]]]:
    """The events of GenAI before 1.37: their names and bodies."""
    told = []
    for said in turn.history:
        body = openai(said)
        if said.call_id:
            body["id"] = body.pop("tool_call_id")
        told.append((f"gen_ai.{said.role}.message", body))
    choice = {"index": 0, "finish_reason": turn.step.finish, "message": openai(answer(turn))}
    return [*told, ("gen_ai.choice", choice)]


def events_model(turn: Turn) -> Recorded:
    events = []
    for at, (name, body) in enumerate(event_bodies(turn)):
        event = Span.Event(name=name, time_unix_nano=at)
        for key, value in body.items():
            text = value if isinstance(value, str | int) else as_json(value)
            event.attributes.add(key=key).value.CopyFrom(any_value(text))
        events.append(event)
    return Recorded(
        "chat", genai_base(turn) | {"gen_ai.tool.definitions": as_json(openai_tools(turn.scenario))}, tuple(events)
    )


def logs_model(turn: Turn) -> Recorded:
    records = [
        LogRecord(time_unix_nano=at, event_name=name, body=any_value(body))
        for at, (name, body) in enumerate(event_bodies(turn))
    ]
    events = tuple(span_event(record) for record in reversed(records))
    return events_model(turn)._replace(events=events)


def traceloop_model(turn: Turn) -> Recorded:
    found = genai_base(turn) | {"llm.request.type": "chat"}
    del found["gen_ai.operation.name"]
    for at, said in enumerate(turn.history):
        found |= _flat(f"gen_ai.prompt.{at}", said, _TRACELOOP_CALL)
    found |= _flat("gen_ai.completion.0", answer(turn), _TRACELOOP_CALL)
    finish = turn.step.finish.removesuffix("s") if turn.step.calls else turn.step.finish
    found["gen_ai.completion.0.finish_reason"] = found["gen_ai.response.finish_reasons"] = finish
    for at, (name, schema) in enumerate(turn.scenario.tools.items()):
        found[f"llm.request.functions.{at}.name"] = name
        found[f"llm.request.functions.{at}.parameters"] = as_json(schema)
    return Recorded("openai.chat", found)


def traceloop_tool(call: Asked) -> Recorded:
    return Recorded(
        f"{call.tool}.tool",
        {
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": call.tool,
            "traceloop.entity.input": as_json({"args": [], "kwargs": call.arguments}),
            "traceloop.entity.output": as_json(call.result),
        },
    )
