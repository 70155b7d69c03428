"""The one table of semantic conventions: for every field the attribute keys that may hold it, best first.

Agents speak many dialects, and one span may speak several. Of the keys a span has, the first in a row that holds
something counts; the order of attributes on the span never matters. In a row: what was said for HALO first, then
what a person chose over what a framework made up, then the current conventions over older ones. What each dialect
calls a span's kind is in `domain.dialects_kinds`. Content (messages, arguments, results) is read elsewhere.

Sources: https://opentelemetry.io/docs/specs/semconv/gen-ai/, https://arize-ai.github.io/openinference/spec/,
https://langfuse.com/integrations/native/opentelemetry, https://ai-sdk.dev/docs/ai-sdk-core/telemetry, and what the
instrumentations of the other dialects were seen to send.
"""

from collections.abc import Mapping

INFERENCE = "inference.*"
OTEL = "OpenTelemetry"
GENAI = "OpenTelemetry GenAI"
GENAI_OLD = "OpenTelemetry GenAI before 1.37"
OPENINFERENCE = "OpenInference"
OPENLLMETRY = "OpenLLMetry"
OPENLLMETRY_OLD = "OpenLLMetry, older"
OPENAI_AGENTS = "OpenAI Agents"
LANGFUSE = "Langfuse"
LANGSMITH = "LangSmith"
VERCEL = "Vercel AI SDK"
PYDANTIC = "pydantic-ai, Logfire"
ADK = "Google ADK"
CREWAI = "CrewAI"
MLFLOW = "MLflow"
OTHERS = "others"

TABLE: Mapping[str, Mapping[str, str]] = {
    "agent_id": {
        "inference.agent_id": INFERENCE,
        "gen_ai.agent.id": GENAI,
        "agent.id": OPENINFERENCE,
        "cursor.agent_id": OTHERS,
        "elevenlabs.agent_id": OTHERS,
    },
    "agent_name": {
        "inference.agent_name": INFERENCE,
        "agent.name": OPENINFERENCE,
        "gen_ai.agent.name": GENAI,
        "agent_name": PYDANTIC,
        "crewai.agent.role": CREWAI,
        "ai.telemetry.functionId": VERCEL,
    },
    "entity": {
        "traceloop.entity.name": OPENLLMETRY,
        "genkit:name": OTHERS,
    },
    "group": {
        "graph.node.id": OPENINFERENCE,
        "graph.node.name": OPENINFERENCE,
        "gen_ai.workflow.name": GENAI,
        "traceloop.workflow.name": OPENLLMETRY,
    },
    "session": {
        "inference.session_id": INFERENCE,
        "session.id": OPENINFERENCE,
        "langfuse.session.id": LANGFUSE,
        "traceloop.association.properties.session_id": OPENLLMETRY,
        "ai.telemetry.metadata.sessionId": VERCEL,
        "ai.settings.context.sessionId": VERCEL,
        "langsmith.metadata.session_id": LANGSMITH,
        "langsmith.metadata.thread_id": LANGSMITH,
        "langsmith.metadata.conversation_id": LANGSMITH,
        "mlflow.trace.session": MLFLOW,
        "gen_ai.conversation.id": GENAI,
        "gcp.vertex.agent.session_id": ADK,
        "elevenlabs.conversation_id": OTHERS,
        "cursor.run_id": OTHERS,
        "conversation_id": OTHERS,
    },
    "user": {
        "inference.user_id": INFERENCE,
        "user.id": OTEL,
        "langfuse.user.id": LANGFUSE,
        "traceloop.association.properties.user_id": OPENLLMETRY,
        "ai.telemetry.metadata.userId": VERCEL,
        "ai.settings.context.userId": VERCEL,
        "langsmith.metadata.user_id": LANGSMITH,
        "mlflow.trace.user": MLFLOW,
        "enduser.id": GENAI_OLD,
        "gen_ai.user": OPENLLMETRY,
    },
    "provider": {
        "inference.llm.provider": INFERENCE,
        "gen_ai.provider.name": GENAI,
        "gen_ai.system": GENAI_OLD,
        "llm.provider": OPENINFERENCE,
        "llm.system": OPENINFERENCE,
        "ai.model.provider": VERCEL,
        "langsmith.metadata.ls_provider": LANGSMITH,
        "mlflow.llm.provider": MLFLOW,
    },
    "model": {
        "inference.llm.model_name": INFERENCE,
        "gen_ai.response.model": GENAI,
        "gen_ai.request.model": GENAI,
        "llm.response.model_name": OPENINFERENCE,
        "llm.model_name": OPENINFERENCE,
        "llm.request.model_name": OPENINFERENCE,
        "embedding.model_name": OPENINFERENCE,
        "reranker.model_name": OPENINFERENCE,
        "ai.response.model": VERCEL,
        "ai.model.id": VERCEL,
        "langfuse.observation.model.name": LANGFUSE,
        "langsmith.metadata.ls_model_name": LANGSMITH,
        "mlflow.llm.model": MLFLOW,
        "model_name": PYDANTIC,
        "model": OTHERS,
    },
    "request_model": {
        "gen_ai.request.model": GENAI,
        "llm.request.model_name": OPENINFERENCE,
        "ai.model.id": VERCEL,
        "langfuse.observation.model.name": LANGFUSE,
    },
    "response_model": {
        "gen_ai.response.model": GENAI,
        "llm.response.model_name": OPENINFERENCE,
        "ai.response.model": VERCEL,
        "inference.llm.model_name": INFERENCE,
        "llm.model_name": OPENINFERENCE,
    },
    "input_tokens": {
        "inference.llm.input_tokens": INFERENCE,
        "gen_ai.usage.input_tokens": GENAI,
        "gen_ai.usage.prompt_tokens": GENAI_OLD,
        "llm.token_count.prompt": OPENINFERENCE,
        "ai.usage.inputTokens": VERCEL,
        "ai.usage.promptTokens": VERCEL,
        "ai.usage.tokens": VERCEL,
        "llm.usage.prompt_tokens": OPENLLMETRY_OLD,
        "gen_ai.aggregated_usage.input_tokens": PYDANTIC,
    },
    "output_tokens": {
        "inference.llm.output_tokens": INFERENCE,
        "gen_ai.usage.output_tokens": GENAI,
        "gen_ai.usage.completion_tokens": GENAI_OLD,
        "llm.token_count.completion": OPENINFERENCE,
        "llm.token_count.completion.total": OPENINFERENCE,
        "ai.usage.outputTokens": VERCEL,
        "ai.usage.completionTokens": VERCEL,
        "llm.usage.completion_tokens": OPENLLMETRY_OLD,
        "gen_ai.aggregated_usage.output_tokens": PYDANTIC,
    },
    "total_tokens": {
        "gen_ai.usage.total_tokens": OPENLLMETRY,
        "llm.token_count.total": OPENINFERENCE,
        "ai.usage.totalTokens": VERCEL,
        "llm.usage.total_tokens": OPENLLMETRY_OLD,
    },
    "cache_read_tokens": {
        "inference.llm.cached_input_tokens": INFERENCE,
        "gen_ai.usage.cache_read.input_tokens": GENAI,
        "gen_ai.usage.cache_read_input_tokens": OPENLLMETRY_OLD,
        "llm.token_count.prompt_details.cache_read": OPENINFERENCE,
        "llm.token_count.prompt_details.cache_input": OPENINFERENCE,
        "ai.usage.inputTokenDetails.cacheReadTokens": VERCEL,
        "ai.usage.cachedInputTokens": VERCEL,
        "gen_ai.usage.details.cache_read_tokens": PYDANTIC,
        "gen_ai.aggregated_usage.cache_read.input_tokens": PYDANTIC,
    },
    "cache_write_tokens": {
        "gen_ai.usage.cache_creation.input_tokens": GENAI,
        "gen_ai.usage.cache_creation_input_tokens": OPENLLMETRY_OLD,
        "llm.token_count.prompt_details.cache_write": OPENINFERENCE,
        "ai.usage.inputTokenDetails.cacheWriteTokens": VERCEL,
        "gen_ai.usage.details.cache_write_tokens": PYDANTIC,
        "gen_ai.aggregated_usage.cache_creation.input_tokens": PYDANTIC,
    },
    "reasoning_tokens": {
        "inference.llm.reasoning_output_tokens": INFERENCE,
        "gen_ai.usage.reasoning.output_tokens": GENAI,
        "gen_ai.usage.reasoning_tokens": OPENLLMETRY,
        "llm.token_count.completion_details.reasoning": OPENINFERENCE,
        "ai.usage.outputTokenDetails.reasoningTokens": VERCEL,
        "ai.usage.reasoningTokens": VERCEL,
        "gen_ai.usage.details.reasoning_tokens": PYDANTIC,
    },
    "cost_usd": {
        "inference.llm.cost.total": INFERENCE,
        "llm.cost.total": OPENINFERENCE,
        "operation.cost": PYDANTIC,
        "gen_ai.usage.cost": OTHERS,
    },
    "tool": {
        "gen_ai.tool.name": GENAI,
        "tool.name": OPENINFERENCE,
        "ai.toolCall.name": VERCEL,
    },
    "tool_call_id": {
        "gen_ai.tool.call.id": GENAI,
        "tool.id": OPENINFERENCE,
        "tool_call.id": OPENINFERENCE,
        "message.tool_call_id": OPENINFERENCE,
        "ai.toolCall.id": VERCEL,
    },
    "task": {
        "task.id": OTHERS,
        "task_id": OTHERS,
        "gen_ai.task.id": OTHERS,
        "metadata.task_id": OTHERS,
        "langfuse.trace.metadata.task_id": LANGFUSE,
        "langsmith.metadata.task_id": LANGSMITH,
        "traceloop.association.properties.task_id": OPENLLMETRY,
        "ai.telemetry.metadata.taskId": VERCEL,
        "intent": OTHERS,
        "gen_ai.intent": OTHERS,
        "metadata.intent": OTHERS,
        "langfuse.trace.metadata.intent": LANGFUSE,
        "langsmith.metadata.intent": LANGSMITH,
        "traceloop.association.properties.intent": OPENLLMETRY,
        "ai.telemetry.metadata.intent": VERCEL,
    },
    "max_steps": {
        "smolagents.max_steps": OPENINFERENCE,
        "gen_ai.agent.max_steps": OTHERS,
        "agent.max_steps": OTHERS,
        "agent.max_turns": OTHERS,
        "crewai.agent.max_iter": CREWAI,
        "ai.settings.maxSteps": VERCEL,
    },
    "level": {"langfuse.observation.level": LANGFUSE},
    "handoff_from": {"gen_ai.handoff.from_agent": OPENAI_AGENTS},
    "handoff_to": {"gen_ai.handoff.to_agent": OPENAI_AGENTS},
}
NO_SIGN_OF_AN_LLM = frozenset({"model_name", "model"})  # models of a whole agent run, or of something else altogether

DETAILS: Mapping[str, tuple[str, Mapping[str, tuple[str, ...]]]] = {
    "llm.invocation_parameters": (OPENINFERENCE, {"request_model": ("model", "model_name")}),
    "langfuse.observation.usage_details": (
        LANGFUSE,
        {
            "input_tokens": ("input", "input_tokens", "prompt_tokens"),
            "output_tokens": ("output", "output_tokens", "completion_tokens"),
            "total_tokens": ("total", "total_tokens"),
            "cache_read_tokens": ("input_cached_tokens", "input_cache_read", "cache_read_input_tokens"),
            "cache_write_tokens": ("input_cache_creation", "cache_creation_input_tokens"),
            "reasoning_tokens": ("output_reasoning_tokens", "output_reasoning"),
        },
    ),
    "langfuse.observation.cost_details": (LANGFUSE, {"cost_usd": ("total", "*")}),
    "gen_ai.usage.input_token_details": (
        LANGSMITH,
        {"cache_read_tokens": ("cache_read",), "cache_write_tokens": ("cache_creation",)},
    ),
    "gen_ai.usage.output_token_details": (LANGSMITH, {"reasoning_tokens": ("reasoning",)}),
    "gen_ai.usage.raw": (
        PYDANTIC,
        {
            "input_tokens": ("input_tokens", "prompt_tokens"),
            "output_tokens": ("output_tokens", "completion_tokens"),
            "total_tokens": ("total_tokens",),
            "cache_read_tokens": (
                "input_tokens_details.cached_tokens",
                "prompt_tokens_details.cached_tokens",
                "cache_read_input_tokens",
            ),
            "cache_write_tokens": ("cache_creation_input_tokens",),
            "reasoning_tokens": (
                "output_tokens_details.reasoning_tokens",
                "completion_tokens_details.reasoning_tokens",
            ),
        },
    ),
    "gcp.vertex.agent.llm_response": (
        ADK,
        {
            "input_tokens": ("usage_metadata.prompt_token_count",),
            "output_tokens": ("usage_metadata.candidates_token_count",),
            "total_tokens": ("usage_metadata.total_token_count",),
            "cache_read_tokens": ("usage_metadata.cached_content_token_count",),
            "reasoning_tokens": ("usage_metadata.thoughts_token_count",),
        },
    ),
    "mlflow.chat.tokenUsage": (
        MLFLOW,
        {
            "input_tokens": ("input_tokens",),
            "output_tokens": ("output_tokens",),
            "total_tokens": ("total_tokens",),
        },
    ),
    "mlflow.llm.cost": (MLFLOW, {"cost_usd": ("total_cost",)}),
    "metadata": (OPENINFERENCE, {"task": ("task_id", "taskId", "task.id", "intent")}),
}
"""Attributes that hold JSON (or a structured value): key → its dialect, and for each field the paths inside.

They are opened only for what no plain attribute of the span says. `*` stands for the sum of all numbers.
"""

FIELDS: Mapping[str, tuple[str, ...]] = {field: tuple(keys) for field, keys in TABLE.items()}
"""The keys of each field, best first."""
