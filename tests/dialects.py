"""Every dialect that tests can write: what proves that no detector knows a dialect."""

from collections.abc import Mapping

from tests import dialects_conventions as conventions
from tests import dialects_frameworks as frameworks
from tests.scenarios import Dialect

_NO_CALL_ID = frozenset(("call_id",))
DIALECTS: Mapping[str, Dialect] = {
    "OpenInference": Dialect(conventions.openinference_model, conventions.openinference_tool),
    "GenAI": Dialect(conventions.genai_model, conventions.genai_tool),
    "GenAI, structured": Dialect(conventions.structured_model, conventions.structured_tool),
    "GenAI, details event": Dialect(conventions.details_model, conventions.genai_tool),
    "GenAI before 1.37, span events": Dialect(conventions.events_model, conventions.genai_tool),
    "GenAI before 1.37, log records": Dialect(conventions.logs_model, conventions.genai_tool),
    "OpenLLMetry, older": Dialect(conventions.traceloop_model, conventions.traceloop_tool, _NO_CALL_ID),
    "Langfuse": Dialect(frameworks.langfuse_model, frameworks.langfuse_tool, _NO_CALL_ID),
    "Vercel AI 6": Dialect(frameworks.vercel_model, frameworks.vercel_tool),
    "Vercel AI 7": Dialect(conventions.vercel_7_model, conventions.vercel_7_tool),
    "pydantic-ai, older": Dialect(frameworks.pydantic_model, frameworks.pydantic_tool),
    "Logfire": Dialect(frameworks.logfire_model, frameworks.pydantic_tool),
    "Google ADK": Dialect(frameworks.adk_model, frameworks.adk_tool, frozenset(("finish",))),
    "LangSmith": Dialect(frameworks.langsmith_model, frameworks.langsmith_tool),
}
"""Every dialect that the tests can write. Gemini, and so ADK, says STOP where a model asks for tools."""
