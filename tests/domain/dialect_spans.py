"""Spans as each dialect writes them, by hand after its own documentation, and what their records must say."""

from typing import Any

from domain.normalising import Handoff
from domain.spans import SpanKind

_LLM = {"kind": SpanKind.LLM, "model": "m-1", "input_tokens": 100, "output_tokens": 20}
_TOOL = {"kind": SpanKind.TOOL, "tool": "find_order"}
_AGENT = {"kind": SpanKind.AGENT, "agent_name": "support"}

# Dialect and kind of span: its name, its attributes, and what the record must say.
SPANS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "inference llm": (
        "generation",
        {
            "inference.observation_kind": "LLM",
            "inference.llm.model_name": "m-1",
            "inference.llm.provider": "acme",
            "inference.llm.input_tokens": 100,
            "inference.llm.output_tokens": 20,
            "inference.llm.cached_input_tokens": 60,
            "inference.llm.reasoning_output_tokens": 5,
            "inference.llm.cost.total": 0.25,
            "inference.session_id": "s-1",
            "inference.user_id": "u-1",
            "inference.agent_name": "support",
        },
        {**_LLM, "cache_read_tokens": 60, "reasoning_tokens": 5, "cost_usd": 0.25, "provider": "acme"}
        | {"session": "s-1", "user": "u-1", "agent_name": "support", "total_tokens": 120},
    ),
    "GenAI now": (
        "chat m-1",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "acme",
            "gen_ai.request.model": "m",
            "gen_ai.response.model": "m-1",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 60,
            "gen_ai.usage.cache_creation.input_tokens": 10,
            "gen_ai.usage.reasoning.output_tokens": 5,
            "gen_ai.conversation.id": "s-1",
            "user.id": "u-1",
        },
        {**_LLM, "request_model": "m", "response_model": "m-1", "cache_read_tokens": 60, "cache_write_tokens": 10}
        | {"reasoning_tokens": 5, "session": "s-1", "user": "u-1", "provider": "acme"},
    ),
    "GenAI before 1.28": (
        "chat m-1",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "acme",
            "gen_ai.request.model": "m-1",
            "gen_ai.usage.prompt_tokens": 100,
            "gen_ai.usage.completion_tokens": 20,
            "enduser.id": "u-1",
        },
        {**_LLM, "provider": "acme", "user": "u-1"},
    ),
    "OpenInference embedding": (
        "CreateEmbeddings",
        {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "e-1", "llm.token_count.prompt": 9},
        {"kind": SpanKind.EMBEDDING, "model": "e-1", "input_tokens": 9, "output_tokens": None},
    ),
    "OpenInference llm": (
        "ChatCompletion",
        {
            "openinference.span.kind": "LLM",
            "llm.request.model_name": "m",
            "llm.response.model_name": "m-1",
            "llm.provider": "azure",
            "llm.system": "openai",
            "llm.token_count.prompt": 100,
            "llm.token_count.completion": 20,
            "llm.token_count.prompt_details.cache_read": 60,
            "llm.token_count.prompt_details.cache_write": 10,
            "llm.cost.total": "0.25",
            "session.id": "s-1",
            "user.id": "u-1",
        },
        {**_LLM, "request_model": "m", "response_model": "m-1", "provider": "azure", "cost_usd": 0.25}
        | {"cache_read_tokens": 60, "cache_write_tokens": 10, "session": "s-1", "user": "u-1"},
    ),
    "OpenLLMetry agent": (
        "support.agent",
        {"traceloop.span.kind": "agent", "traceloop.entity.name": "support", "traceloop.workflow.name": "desk"},
        _AGENT,
    ),
    "OpenLLMetry agent without a name": (
        "x.agent",
        {"traceloop.span.kind": "agent", "traceloop.workflow.name": "support"},
        _AGENT,
    ),
    "OpenLLMetry tool": (
        "find_order.tool",
        {
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": "find_order",
            "traceloop.association.properties.session_id": "s-1",
            "traceloop.association.properties.user_id": "u-1",
        },
        {**_TOOL, "session": "s-1", "user": "u-1", "agent_name": None},
    ),
    "OpenLLMetry workflow": ("desk.workflow", {"traceloop.span.kind": "workflow"}, {"kind": SpanKind.CHAIN}),
    "OpenLLMetry of old": (
        "openai.chat",
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "m-1",
            "gen_ai.usage.prompt_tokens": 100,
            "gen_ai.usage.completion_tokens": 20,
            "llm.usage.total_tokens": 120,
            "gen_ai.usage.cache_read_input_tokens": 60,
        },
        {**_LLM, "total_tokens": 120, "cache_read_tokens": 60, "provider": "OpenAI"},
    ),
    "OpenLLMetry now": (
        "openai.chat",
        {"gen_ai.operation.name": "chat", "gen_ai.response.model": "m-1", "gen_ai.usage.input_tokens": 100}
        | {"gen_ai.usage.output_tokens": 20, "gen_ai.usage.reasoning_tokens": 5, "gen_ai.user": "u-1"},
        {**_LLM, "reasoning_tokens": 5, "user": "u-1"},
    ),
    "Langfuse generation": (
        "answer",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "m-1",
            "langfuse.observation.usage_details": '{"input": 100, "output": 20, "total": 180,'
            ' "input_cached_tokens": 60, "output_reasoning_tokens": 5}',
            "langfuse.observation.cost_details": '{"input": 0.2, "output": 0.05}',
            "langfuse.session.id": "s-1",
            "langfuse.user.id": "u-1",
        },
        {**_LLM, "cache_read_tokens": 60, "reasoning_tokens": 5, "cost_usd": 0.25, "total_tokens": 180}
        | {"session": "s-1", "user": "u-1"},
    ),
    "Langfuse agent": ("support", {"langfuse.observation.type": "agent"}, _AGENT),
    "Langfuse tool": ("find_order", {"langfuse.observation.type": "tool"}, _TOOL),
    "Langfuse guardrail": ("g", {"langfuse.observation.type": "guardrail"}, {"kind": SpanKind.GUARDRAIL}),
    "Langfuse span around a GenAI call": (
        "x",
        {"langfuse.observation.type": "span", "gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1"},
        {"kind": SpanKind.LLM, "model": "m-1"},
    ),
    "Vercel 6 with metadata": (
        "ai.generateText",
        {
            "ai.operationId": "ai.generateText",
            "ai.telemetry.functionId": "support",
            "ai.telemetry.metadata.sessionId": "s-1",
            "ai.telemetry.metadata.userId": "u-1",
            "ai.model.id": "m-1",
            "ai.usage.promptTokens": 100.0,
            "ai.usage.completionTokens": 20.0,
        },
        {**_AGENT, "session": "s-1", "user": "u-1", "model": "m-1", "input_tokens": 100, "output_tokens": 20},
    ),
    "Vercel 7, legacy form": (
        "ai.streamText",
        {"ai.operationId": "ai.streamText", "ai.telemetry.functionId": "support"}
        | {"ai.settings.context.sessionId": "s-1", "ai.settings.context.userId": "u-1"},
        {**_AGENT, "session": "s-1", "user": "u-1"},
    ),
    "Vercel of old, by operation name": (
        "ai.toolCall",
        {"operation.name": "ai.toolCall support", "ai.toolCall.name": "find_order", "ai.toolCall.id": "c-1"},
        {**_TOOL, "tool_call_id": "c-1"},
    ),
    "Vercel 7 agent": (
        "invoke_agent support",
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "support"}
        | {"gen_ai.usage.input_tokens": 114, "gen_ai.usage.output_tokens": 34},
        {**_AGENT, "input_tokens": 114},
    ),
    "Vercel 7 step": ("agent_step 1", {"gen_ai.operation.name": "agent_step"}, {"kind": SpanKind.CHAIN}),
    "pydantic-ai agent of old": (
        "agent run",
        {"agent_name": "support", "model_name": "m-1", "all_messages_events": "[]"},
        {**_AGENT, "model": "m-1"},
    ),
    "pydantic-ai tool of old": (
        "running tool",
        {"gen_ai.tool.name": "find_order", "gen_ai.tool.call.id": "c-1", "logfire.msg": "running tool: find_order"},
        {**_TOOL, "tool_call_id": "c-1"},
    ),
    "Logfire call": (
        "Chat Completion with {gen_ai.request.model!r}",
        {
            "logfire.span_type": "span",
            "gen_ai.request.model": "m-1",
            "gen_ai.usage.raw": '{"input_tokens": 100, "output_tokens": 20,'
            ' "input_tokens_details": {"cached_tokens": 60}}',
            "operation.cost": 0.25,
        },
        {**_LLM, "cache_read_tokens": 60, "cost_usd": 0.25},
    ),
    "OpenAI Agents handoff, as the contrib instrumentation has it": (
        "handoff",
        {"gen_ai.operation.name": "agent_handoff"}
        | {"gen_ai.handoff.from_agent": "triage", "gen_ai.handoff.to_agent": "support"},
        {"kind": SpanKind.TOOL, "tool": None, "handoff": Handoff("triage", "support")},
    ),
    "OpenAI Agents handoff, as OpenInference has it": (
        "handoff to support",
        {"openinference.span.kind": "TOOL", "input.value": "triage", "output.value": "support"},
        {"kind": SpanKind.TOOL, "tool": None, "handoff": Handoff("triage", "support")},
    ),
    "OpenAI Agents handoff, as OpenLLMetry has it": (
        "triage -> support",
        {"traceloop.span.kind": "handoff", "gen_ai.handoff.to_agent": "support"},
        {"kind": SpanKind.TOOL, "handoff": Handoff(None, "support")},
    ),
    "OpenAI Agents guardrail": (
        "guardrail",
        {"gen_ai.operation.name": "guardrail_check"},
        {"kind": SpanKind.GUARDRAIL},
    ),
    "ADK call": (
        "call_llm",
        {
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.request.model": "m-1",
            "gcp.vertex.agent.session_id": "s-1",
            "gcp.vertex.agent.llm_response": '{"usage_metadata": {"prompt_token_count": 100,'
            ' "candidates_token_count": 20, "total_token_count": 125, "cached_content_token_count": 60,'
            ' "thoughts_token_count": 5}}',
        },
        {**_LLM, "session": "s-1", "cache_read_tokens": 60, "reasoning_tokens": 5, "total_tokens": 125},
    ),
    "ADK call that says its tokens plainly": (
        "call_llm",
        {"gen_ai.request.model": "m-1", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
        | {"gcp.vertex.agent.llm_response": '{"usage_metadata": {"prompt_token_count": 7}}'},
        _LLM,
    ),
    "ADK tool": (
        "execute_tool find_order",
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find_order", "gen_ai.tool.call.id": "c-1"}
        | {"gcp.vertex.agent.llm_request": "{}", "gcp.vertex.agent.llm_response": "{}"},
        {**_TOOL, "tool_call_id": "c-1", "input_tokens": None},
    ),
    "CrewAI agent, by OpenLLMetry": (
        "support.agent",
        {"traceloop.span.kind": "agent", "crewai.agent.role": "support", "crewai.agent.id": "5f0c"},
        {**_AGENT, "agent_id": None},
    ),
    "CrewAI agent, by OpenInference": (
        "support._execute_core",
        {"openinference.span.kind": "AGENT", "graph.node.id": "support"},
        _AGENT,
    ),
    "LangSmith llm": (
        "ChatOpenAI",
        {
            "langsmith.span.kind": "llm",
            "gen_ai.request.model": "m-1",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.total_tokens": 120,
            "gen_ai.usage.input_token_details": '{"cache_read": 60, "cache_creation": 10}',
            "gen_ai.usage.output_token_details": '{"reasoning": 5}',
            "langsmith.metadata.thread_id": "s-1",
            "langsmith.trace.session_id": "the-project",
        },
        {**_LLM, "cache_read_tokens": 60, "cache_write_tokens": 10, "reasoning_tokens": 5, "session": "s-1"},
    ),
    "LangSmith tool": ("find_order", {"langsmith.span.kind": "tool"}, _TOOL),
    "MLflow llm": (
        "Completions",
        {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.llm.model": '"m-1"', "mlflow.trace.user": '"u-1"'}
        | {"mlflow.chat.tokenUsage": '{"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}'},
        {**_LLM, "user": "u-1"},
    ),
    "Genkit tool": (
        "find_order",
        {"genkit:type": "action", "genkit:metadata:subtype": "tool", "genkit:name": "find_order"},
        _TOOL,
    ),
    "Braintrust tool": ("find_order", {"braintrust.span_type": "tool"}, _TOOL),
    "LangChain retriever": ("r", {"langchain.run_type": "retriever"}, {"kind": SpanKind.RETRIEVER}),
    "Codex": (
        "codex.turn",
        {"model": "m-1", "conversation_id": "s-1"},
        {"kind": SpanKind.UNKNOWN, "model": "m-1", "session": "s-1"},
    ),
}
