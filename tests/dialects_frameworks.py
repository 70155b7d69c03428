"""How frameworks and backends record a scenario in keys of their own."""

from typing import Any

from domain.otlp import PlainValue
from tests.dialects_conventions import event_bodies, genai_base
from tests.scenarios import MODEL, Asked, Recorded, Said, Turn, answer, as_json, openai, openai_tools


def _vercel_message(said: Said) -> dict[str, Any]:
    if said.role == "system":
        return {"role": "system", "content": said.text}
    if said.call_id:
        output = {"type": "text", "value": said.text}
        part = {"type": "tool-result", "toolCallId": said.call_id, "toolName": "t", "output": output}
        return {"role": "tool", "content": [part]}
    text = [{"type": "text", "text": said.text}] if said.text else []
    return {
        "role": said.role,
        "content": [*text, *({"type": "tool-call", **_vercel_call(call)} for call in said.calls)],
    }


def _vercel_call(call: Asked) -> dict[str, Any]:
    return {"toolCallId": call.call_id, "toolName": call.tool, "input": call.arguments}


def vercel_model(turn: Turn) -> Recorded:
    tools = [
        as_json({"type": "function", "name": name, "inputSchema": schema})
        for name, schema in turn.scenario.tools.items()
    ]
    found: dict[str, PlainValue] = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.id": MODEL,
        "ai.settings.maxOutputTokens": turn.scenario.max_tokens,
        "ai.prompt.messages": as_json([_vercel_message(said) for said in turn.history]),
        "ai.prompt.tools": list(tools),
        "ai.response.finishReason": turn.step.finish.replace("_", "-"),
        "ai.response.text": turn.step.text,
    }
    if turn.step.calls:
        found["ai.response.toolCalls"] = as_json([_vercel_call(call) for call in turn.step.calls])
    return Recorded("ai.generateText.doGenerate", found)


def vercel_tool(call: Asked) -> Recorded:
    return Recorded(
        "ai.toolCall",
        {
            "ai.operationId": "ai.toolCall",
            "ai.toolCall.name": call.tool,
            "ai.toolCall.id": call.call_id,
            "ai.toolCall.args": as_json(call.arguments),
            "ai.toolCall.result": as_json(call.result),
        },
    )


def pydantic_model(turn: Turn) -> Recorded:
    told = [
        {**body, "event.name": name, "gen_ai.message.index": at} for at, (name, body) in enumerate(event_bodies(turn))
    ]
    tools = [
        {"name": name, "parameters_json_schema": schema, "description": ""}
        for name, schema in turn.scenario.tools.items()
    ]
    parameters = {"function_tools": tools, "output_tools": [], "allow_text_output": True}
    return Recorded(
        f"chat {MODEL}",
        genai_base(turn) | {"events": as_json(told), "model_request_parameters": as_json(parameters)},
    )


def pydantic_tool(call: Asked) -> Recorded:
    return Recorded(
        "running tool",
        {
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.call.id": call.call_id,
            "tool_arguments": as_json(call.arguments),
            "tool_response": call.result,
        },
    )


def _gemini(said: Said) -> dict[str, Any]:
    if said.call_id:
        answer = {"id": said.call_id, "name": "t", "response": {"result": said.text}}
        return {"role": "user", "parts": [{"function_response": answer}]}
    text = [{"text": said.text}] if said.text else []
    calls = [{"function_call": {"id": one.call_id, "name": one.tool, "args": one.arguments}} for one in said.calls]
    return {"role": "model" if said.role == "assistant" else said.role, "parts": [*text, *calls]}


def _gemini_schema(schema: PlainValue) -> PlainValue:
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.upper() if key == "type" and isinstance(value, str) else _gemini_schema(value)
        for key, value in schema.items()
    }


def adk_model(turn: Turn) -> Recorded:
    system, *rest = turn.history
    tools = [{"name": name, "parameters": _gemini_schema(schema)} for name, schema in turn.scenario.tools.items()]
    request = {
        "model": MODEL,
        "contents": [_gemini(said) for said in rest],
        "config": {
            "system_instruction": system.text,
            "max_output_tokens": turn.scenario.max_tokens,
            "tools": [{"function_declarations": tools}],
        },
    }
    finish = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}.get(turn.step.finish, "STOP")
    return Recorded(
        "call_llm",
        {
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.request.model": MODEL,
            "gcp.vertex.agent.llm_request": as_json(request),
            "gcp.vertex.agent.llm_response": as_json({"content": _gemini(answer(turn)), "finish_reason": finish}),
        },
    )


def adk_tool(call: Asked) -> Recorded:
    return Recorded(
        f"execute_tool {call.tool}",
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.call.id": call.call_id,
            "gcp.vertex.agent.tool_call_args": as_json(call.arguments),
            "gcp.vertex.agent.tool_response": as_json({"result": call.result}),
            "gcp.vertex.agent.llm_request": "{}",
            "gcp.vertex.agent.llm_response": "{}",
        },
    )


def langsmith_model(turn: Turn) -> Recorded:
    request = {
        "model": MODEL,
        "messages": [openai(said) for said in turn.history],
        "tools": openai_tools(turn.scenario),
        "max_tokens": turn.scenario.max_tokens,
    }
    choice = {"index": 0, "finish_reason": turn.step.finish, "message": openai(answer(turn))}
    return Recorded(
        "ChatOpenAI",
        {
            "langsmith.span.kind": "llm",
            "gen_ai.request.model": MODEL,
            "gen_ai.prompt": as_json(request),
            "gen_ai.completion": as_json({"id": "x", "object": "chat.completion", "choices": [choice]}),
        },
    )


def langsmith_tool(call: Asked) -> Recorded:
    message = {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", "ToolMessage"],
        "kwargs": {"content": call.result, "type": "tool", "name": call.tool, "tool_call_id": call.call_id},
    }
    return Recorded(
        call.tool,
        {
            "langsmith.span.kind": "tool",
            "gen_ai.prompt": as_json({"input": str(call.arguments)}),
            "gen_ai.completion": as_json({"output": message}),
        },
    )


def langfuse_model(turn: Turn) -> Recorded:
    request = {"messages": [openai(said) for said in turn.history], "tools": openai_tools(turn.scenario)}
    output = openai(answer(turn)) | {"finish_reason": turn.step.finish}
    return Recorded(
        "generation",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": MODEL,
            "langfuse.observation.model.parameters": as_json({"max_tokens": turn.scenario.max_tokens}),
            "langfuse.observation.input": as_json(request),
            "langfuse.observation.output": as_json(output),
        },
    )


def langfuse_tool(call: Asked) -> Recorded:
    return Recorded(
        call.tool,
        {
            "langfuse.observation.type": "tool",
            "langfuse.observation.input": as_json(call.arguments),
            "langfuse.observation.output": as_json(call.result),
        },
    )


def logfire_model(turn: Turn) -> Recorded:
    request = {
        "model": MODEL,
        "messages": [openai(said) for said in turn.history],
        "tools": openai_tools(turn.scenario),
        "max_tokens": turn.scenario.max_tokens,
    }
    return Recorded(
        "Chat Completion with gpt-4o-mini",
        {
            "logfire.tags": ["LLM"],
            "gen_ai.system": "openai",
            "gen_ai.request.model": MODEL,
            "gen_ai.operation.name": "chat",
            "gen_ai.response.finish_reasons": [turn.step.finish],
            "request_data": as_json(request),
            "response_data": as_json({"message": openai(answer(turn)), "usage": {"total_tokens": 1}}),
        },
    )
