"""What each dialect calls the kind of a span, and which of several answers counts.

The order of `KINDS` is the precedence: what a vendor's own type attribute says, then OpenInference, then the GenAI
operation, then Vercel's operation. A word that says nothing ("span") or that is not known lets the next key answer.
Without an answer `SIGNS` decide, then the name of a tool (TOOL), then a model (LLM, unless an unknown kind was told).
The name of an instrumentation never decides: the same one makes spans of every kind.

Vercel's outer operations (`ai.generateText`, …) are AGENT: they repeat the sums of the calls below them, and tokens
are counted on LLM spans; their inner calls are LLM. OpenInference's own mapping of the SDK agrees.
"""

from collections.abc import Mapping
from typing import NamedTuple

from domain.dialects import (
    GENAI,
    INFERENCE,
    LANGFUSE,
    LANGSMITH,
    MLFLOW,
    OPENINFERENCE,
    OPENLLMETRY,
    OPENLLMETRY_OLD,
    OTHERS,
    PYDANTIC,
    VERCEL,
)
from domain.spans import SpanKind

Words = Mapping[str, SpanKind]


class KindKey(NamedTuple):
    """An attribute that tells kinds, and what its values mean; case does not matter.

    `names_by_span`: in this dialect an agent or a tool is called what its span is called.
    """

    dialect: str
    words: Words
    names_by_span: bool = False


_ITSELF: Words = {kind.name.lower(): kind for kind in SpanKind if kind}
_RUNS: Words = {
    "llm": SpanKind.LLM,
    "chat_model": SpanKind.LLM,
    "chain": SpanKind.CHAIN,
    "tool": SpanKind.TOOL,
    "retriever": SpanKind.RETRIEVER,
    "embedding": SpanKind.EMBEDDING,
    "prompt": SpanKind.PROMPT,
    "parser": SpanKind.CHAIN,
}
_OPERATIONS: Words = {
    "chat": SpanKind.LLM,
    "generate_content": SpanKind.LLM,
    "text_completion": SpanKind.LLM,
    "completion": SpanKind.LLM,
    "response": SpanKind.LLM,
    "llm_request": SpanKind.LLM,
    "embeddings": SpanKind.EMBEDDING,
    "embedding": SpanKind.EMBEDDING,
    "retrieval": SpanKind.RETRIEVER,
    "vector_db_retrieve": SpanKind.RETRIEVER,
    "search_memory": SpanKind.RETRIEVER,
    "rerank": SpanKind.RERANKER,
    "execute_tool": SpanKind.TOOL,
    "handoff": SpanKind.TOOL,
    "agent_handoff": SpanKind.TOOL,
    "create_agent": SpanKind.AGENT,
    "invoke_agent": SpanKind.AGENT,
    "invoke_workflow": SpanKind.CHAIN,
    "agent_step": SpanKind.CHAIN,
    "execute_task": SpanKind.CHAIN,
    "plan": SpanKind.CHAIN,
    "create_memory": SpanKind.CHAIN,
    "update_memory": SpanKind.CHAIN,
    "upsert_memory": SpanKind.CHAIN,
    "delete_memory": SpanKind.CHAIN,
    "guardrail_check": SpanKind.GUARDRAIL,
    "apply_guardrail": SpanKind.GUARDRAIL,
}
_VERCEL: Words = {
    "ai.generateText": SpanKind.AGENT,
    "ai.generateText.doGenerate": SpanKind.LLM,
    "ai.streamText": SpanKind.AGENT,
    "ai.streamText.doStream": SpanKind.LLM,
    "ai.generateObject": SpanKind.AGENT,
    "ai.generateObject.doGenerate": SpanKind.LLM,
    "ai.streamObject": SpanKind.AGENT,
    "ai.streamObject.doStream": SpanKind.LLM,
    "ai.embed": SpanKind.CHAIN,
    "ai.embed.doEmbed": SpanKind.EMBEDDING,
    "ai.embedMany": SpanKind.CHAIN,
    "ai.embedMany.doEmbed": SpanKind.EMBEDDING,
    "ai.rerank": SpanKind.CHAIN,
    "ai.rerank.doRerank": SpanKind.RERANKER,
    "ai.toolCall": SpanKind.TOOL,
}

KINDS: Mapping[str, KindKey] = {
    "inference.observation_kind": KindKey(INFERENCE, _ITSELF),
    "langfuse.observation.type": KindKey(LANGFUSE, {**_ITSELF, "generation": SpanKind.LLM}, names_by_span=True),
    "traceloop.span.kind": KindKey(
        OPENLLMETRY,
        {
            "workflow": SpanKind.CHAIN,
            "task": SpanKind.CHAIN,
            "agent": SpanKind.AGENT,
            "tool": SpanKind.TOOL,
            "handoff": SpanKind.TOOL,
        },
    ),
    "langsmith.span.kind": KindKey(LANGSMITH, _RUNS, names_by_span=True),
    "langchain.run_type": KindKey(OTHERS, _RUNS, names_by_span=True),
    "mlflow.spanType": KindKey(
        MLFLOW,
        {**_ITSELF, "chat_model": SpanKind.LLM, "parser": SpanKind.CHAIN, "workflow": SpanKind.CHAIN}
        | {"task": SpanKind.CHAIN, "memory": SpanKind.CHAIN},
        names_by_span=True,
    ),
    "braintrust.span_type": KindKey(
        OTHERS,
        {
            "llm": SpanKind.LLM,
            "tool": SpanKind.TOOL,
            "function": SpanKind.CHAIN,
            "task": SpanKind.CHAIN,
            "score": SpanKind.EVALUATOR,
        },
        names_by_span=True,
    ),
    "genkit:metadata:subtype": KindKey(
        OTHERS,
        {
            "model": SpanKind.LLM,
            "tool": SpanKind.TOOL,
            "retriever": SpanKind.RETRIEVER,
            "embedder": SpanKind.EMBEDDING,
            "reranker": SpanKind.RERANKER,
            "prompt": SpanKind.PROMPT,
            "evaluator": SpanKind.EVALUATOR,
            "agent": SpanKind.AGENT,
            "flow": SpanKind.CHAIN,
        },
    ),
    "llm.request.type": KindKey(
        OPENLLMETRY_OLD,
        {
            "chat": SpanKind.LLM,
            "completion": SpanKind.LLM,
            "embedding": SpanKind.EMBEDDING,
            "rerank": SpanKind.RERANKER,
        },
    ),
    "openinference.span.kind": KindKey(OPENINFERENCE, _ITSELF),
    "gen_ai.operation.name": KindKey(GENAI, _OPERATIONS),
    "ai.operationId": KindKey(VERCEL, _VERCEL),
    "operation.name": KindKey(VERCEL, _VERCEL),
}
"""The keys that tell a span's kind, best first."""

SIGNS: Mapping[str, tuple[str, SpanKind]] = {
    "pydantic_ai.all_messages": (PYDANTIC, SpanKind.AGENT),
    "all_messages_events": (PYDANTIC, SpanKind.AGENT),
    "gen_ai.tool.call.id": (GENAI, SpanKind.TOOL),
    "ai.toolCall.id": (VERCEL, SpanKind.TOOL),
}
"""Keys that only spans of one kind carry: key → its dialect, and that kind. AGENT counts before TOOL."""
