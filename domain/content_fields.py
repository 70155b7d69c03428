"""Which attributes hold which content, dialect by dialect: one table, the most specific key first.

Of several present the first that says something counts (several conventions may be on one span). Sources:
https://arize-ai.github.io/openinference/spec/semantic_conventions.html,
https://opentelemetry.io/docs/specs/semconv/gen-ai/, https://www.traceloop.com/docs/openllmetry,
https://langfuse.com/integrations/native/opentelemetry, https://ai-sdk.dev/docs/ai-sdk-core/telemetry,
https://ai.pydantic.dev/logfire/, https://google.github.io/adk-docs/, https://docs.smith.langchain.com/.
"""

from domain.content_measures import MEASURED
from domain.dialects_evaluations import STATED

GENAI_INPUT = "gen_ai.input.messages"
GENAI_OUTPUT = "gen_ai.output.messages"
GENAI_INSTRUCTIONS = "gen_ai.system_instructions"
ALL_MESSAGES = "pydantic_ai.all_messages"
ADK_REQUEST, ADK_RESPONSE = "gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response"
ADK_ARGUMENTS, ADK_RESULT = "gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.tool_response"
INPUT_TYPE, OUTPUT_TYPE = "input.mime_type", "output.mime_type"
PARAMETERS = "tool.parameters"
MODEL_PARAMETERS = "model_request_parameters"
INVOCATION = "llm.invocation_parameters"

EVENT_LISTS = ("all_messages_events", "events")
VERCEL_TEXT = ("ai.response.text", "ai.result.text")
VERCEL_OBJECT = ("ai.response.object", "ai.result.object")
VERCEL_CALLS = ("ai.response.toolCalls", "ai.result.toolCalls")
VERCEL_REASONING = ("ai.response.reasoning", "ai.result.reasoning")
VERCEL_ANSWER = (*VERCEL_TEXT, *VERCEL_OBJECT, *VERCEL_CALLS, *VERCEL_REASONING)

INPUTS = (
    "gen_ai.prompt",
    "ai.prompt.messages",
    "ai.prompt",
    ADK_REQUEST,
    "request_data",
    "langfuse.observation.input",
    "langfuse.trace.input",
    "input.value",
    "traceloop.entity.input",
    "mlflow.spanInputs",
    "input",
)
"""Values that hold a request or a history in the emitter's own shape."""

OUTPUT_VALUES = (
    "output.value",
    "final_result",
    "langfuse.observation.output",
    "traceloop.entity.output",
    "mlflow.spanOutputs",
    "output",
)
"""Values that hold whatever a span returned."""

OUTPUTS = ("gen_ai.completion", ADK_RESPONSE, "response_data", *OUTPUT_VALUES, "langfuse.trace.output")
"""Values that hold a response in the emitter's own shape."""

STATED_ARGUMENTS = ("gen_ai.tool.call.arguments", "tool_arguments", "ai.toolCall.args", ADK_ARGUMENTS)
"""Arguments under a name of their own: their emitter promises JSON."""

INPUT_VALUES = (
    "input.value",
    "langfuse.observation.input",
    "traceloop.entity.input",
    "gen_ai.prompt",
    "mlflow.spanInputs",
    "input",
)
"""Values that hold whatever a span was given: on a tool's span its arguments."""

STATED_RESULTS = ("gen_ai.tool.call.result", "tool_response", "ai.toolCall.result", ADK_RESULT)
RESULTS = (*OUTPUT_VALUES, "gen_ai.completion")

CALL_IDS = ("gen_ai.tool.call.id", "tool.id", "tool_call.id", "message.tool_call_id", "ai.toolCall.id")
DEFINITIONS = ("gen_ai.tool.definitions", "llm.tools", "ai.prompt.tools", "crewai.agent.tools")
REQUESTS_WITH_TOOLS = (
    MODEL_PARAMETERS,
    ADK_REQUEST,
    "request_data",
    INVOCATION,
    "langfuse.observation.model.parameters",
    "langfuse.observation.input",
    "gen_ai.prompt",
    "input.value",
)
TOOL_NAMES = ("smolagents.tools_names", "agent.tools")
FINISH = (
    "llm.finish_reason",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "ai.response.finishReason",
    "ai.finishReason",
)
MAX_TOKENS = (
    "gen_ai.request.max_tokens",
    "llm.request.max_tokens",
    "ai.settings.maxOutputTokens",
    "ai.settings.maxTokens",
)
LIMITED_REQUESTS = (INVOCATION, "langfuse.observation.model.parameters", ADK_REQUEST, "request_data", "gen_ai.prompt")
"""Requests that may state the most output tokens among their settings."""

_LOOKALIKES = ("gen_ai.provider.name", "gen_ai.prompt.name", "gen_ai.prompt.version")
"""Keys that begin like a flattened message and are none."""

KNOWN = frozenset(
    (
        GENAI_INPUT,
        GENAI_OUTPUT,
        GENAI_INSTRUCTIONS,
        ALL_MESSAGES,
        INPUT_TYPE,
        OUTPUT_TYPE,
        PARAMETERS,
        *EVENT_LISTS,
        *VERCEL_ANSWER,
        *INPUTS,
        *OUTPUTS,
        *STATED_ARGUMENTS,
        *INPUT_VALUES,
        *STATED_RESULTS,
        *RESULTS,
        *CALL_IDS,
        *DEFINITIONS,
        *REQUESTS_WITH_TOOLS,
        *TOOL_NAMES,
        *FINISH,
        *MAX_TOKENS,
        *LIMITED_REQUESTS,
        *_LOOKALIKES,
        *MEASURED,
        *STATED,
    )
)
"""Every key above, of single values and of verdicts: what a walk over a span's attributes keeps."""
