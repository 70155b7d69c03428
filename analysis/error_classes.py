"""What kind of failure an error is, and so who has to change something.

The exception's type decides first. Only where it says nothing do keywords, and those are looked for in the
masked telling line alone: quoted code, quoted data and numbers are masked there, so an agent's program that
prints "500" is no provider error.
"""

import re
from typing import NamedTuple

from domain.report import Owner
from domain.spans import SpanKind


class ErrorClass(NamedTuple):
    """A kind of failure: its category, who usually owns it, and what usually mends it."""

    category: str
    owner: Owner
    fix: str


RATE_LIMIT = ErrorClass(
    "rate_limit",
    "provider",
    "Harness: retry with exponential back-off and jitter, honour retry-after, and limit concurrent calls; "
    "or raise the provider's quota.",
)
PROVIDER = ErrorClass(
    "provider_error",
    "provider",
    "Harness: retry transient provider errors with back-off and fall back to another model or region; "
    "do not end the run on the first one.",
)
AUTHENTICATION = ErrorClass(
    "authentication",
    "environment",
    "Environment: give the agent valid credentials and the permission this call needs; fail at start when they "
    "are missing rather than in every call.",
)
TIMEOUT = ErrorClass(
    "timeout",
    "environment",
    "Harness: give the call a time limit that fits it, retry idempotent calls, and tell the model what timed out.",
)
NETWORK = ErrorClass(
    "network",
    "environment",
    "Environment: find why the backend cannot be reached; harness: retry with back-off before telling the model.",
)
CONTEXT = ErrorClass(
    "resource_exhaustion",
    "harness",
    "Harness: keep the context below the model's window: compact history and cut large tool results.",
)
NOT_FOUND = ErrorClass(
    "not_found",
    "environment",
    "Environment: provide the resource or correct its path; prompt: tell the model how to list what exists.",
)
SETUP = ErrorClass(
    "environment_setup",
    "environment",
    "Environment: install or allow what is missing, or tell the model in the prompt that it is not available.",
)
BAD_ARGUMENTS = ErrorClass(
    "invalid_arguments",
    "tool",
    "Tool definition: make the declared schema say exactly what the tool accepts; harness: check arguments "
    "against it before the call and answer with the allowed keys.",
)
UNKNOWN_TOOL = ErrorClass(
    "hallucinated_tool",
    "prompt",
    "Harness: answer an unknown tool with the list of declared ones; prompt: name only tools that are declared.",
)
BAD_REQUEST = ErrorClass(
    "invalid_request",
    "harness",
    "Harness: correct the request that the provider refuses; the same request will be refused again.",
)
UNSUPPORTED = ErrorClass(
    "unsupported_input",
    "tool",
    "Tool: support this input, or state in its description what it supports and answer with an alternative.",
)
EMPTY_RESULT = ErrorClass(
    "empty_result",
    "tool",
    "Tool: answer an empty result as a result with a hint how to widen the search, not as an error.",
)
CODE = ErrorClass(
    "code_error",
    "model",
    "Prompt: state the interpreter's limits (allowed imports, operations, output format) with one working example; "
    "harness: return the error's telling line to the model.",
)
OTHER = ErrorClass(
    "execution_error",
    "unknown",
    "Reproduce with the quoted span, and correct what fails or let it answer with an error that can be acted on.",
)
MODEL_CALL = ErrorClass(
    "model_call_error",
    "unknown",
    "Reproduce with the quoted span; harness: tell errors that a retry can mend from those it cannot, and log which.",
)

_WRAPPERS = re.compile(r"^(Agent\w*Error|Exception|RuntimeError|Error|ToolError|ToolException|)$")
_CODE_WRAPPERS = re.compile(r"^Agent(Execution|Parsing|Generation)\w*Error$")
_LEADING_TYPE = re.compile(r"^(?:<[\w-]{1,40}>\s*)?([A-Za-z_][\w.]*(?:Error|Exception|Timeout|Exit|Interrupt))\b")
_INNER_TYPE = re.compile(r"\b(?:due to|caused by|because of):? ([A-Za-z_][\w.]*(?:Error|Exception|Timeout))\b")

_BY_TYPE: tuple[tuple[re.Pattern[str], ErrorClass], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), found)
    for pattern, found in (
        (r"rate_?limit|too_?many_?requests|throttl|quota", RATE_LIMIT),
        (r"context_?(length|window)|token_?limit|memory_?error|resource_?exhausted", CONTEXT),
        (r"authenti|unauthori[sz]ed|forbidden|permission_?denied|credential", AUTHENTICATION),
        (r"timeout|timed_?out|deadline", TIMEOUT),
        (r"internal_?server|service_?unavailable|overloaded|bad_?gateway|api_?(status|error)", PROVIDER),
        (r"connect|network|dns|ssl|socket|gaierror|broken_?pipe|remote_?protocol", NETWORK),
        (r"unknown_?tool|tool_?not_?found|no_?such_?tool", UNKNOWN_TOOL),
        (r"module_?not_?found|import_?error|permission_?error|dependency", SETUP),
        (r"not_?found|no_?such|does_?not_?exist", NOT_FOUND),
        (r"unsupported|conversion|not_?implemented", UNSUPPORTED),
        (r"bad_?request|invalid_?request|unprocessable", BAD_REQUEST),
        (r"validation|invalid_?(argument|param|input)|schema|tool_?input", BAD_ARGUMENTS),
        (r"syntax|indentation|name_?error|attribute_?error|interpreter|parsing|zero_?division", CODE),
    )
)
_BY_WORDS: tuple[tuple[re.Pattern[str], ErrorClass], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), found)
    for pattern, found in (
        (
            r"unexpected keyword argument|missing (<num> )?required|positional argument|multiple values for",
            BAD_ARGUMENTS,
        ),
        (r"unknown tool|no such tool|tool .{0,60}(not found|does not exist|is not available)", UNKNOWN_TOOL),
        (r"\brate.?limit|too many requests|quota exceeded", RATE_LIMIT),
        (r"context (length|window)|maximum context|out of memory", CONTEXT),
        (r"unauthori[sz]ed|permission denied|access denied|forbidden|haven't granted|api key", AUTHENTICATION),
        (r"timed? ?out|deadline exceeded", TIMEOUT),
        (r"overloaded|service unavailable|internal server error|bad gateway", PROVIDER),
        (r"connection (refused|reset|aborted)|name resolution|unreachable", NETWORK),
        (r"no results? found|nothing found|no matches", EMPTY_RESULT),
        (r"no module named|command not found|is not installed|import of .{0,60} is not allowed", SETUP),
        (r"no such file|not found|does not exist", NOT_FOUND),
        (r"not supported|unsupported", UNSUPPORTED),
    )
)


def classify(kind: SpanKind, error_type: str, template: str) -> ErrorClass:
    """The class of a failure of a span of some kind."""
    name = (error_type or _leading_type(template)).rpartition(".")[2]
    if _CODE_WRAPPERS.match(name):
        return _of_code(template)
    if not _WRAPPERS.match(name):
        for pattern, found in _BY_TYPE:
            if pattern.search(name):
                return found
    for pattern, found in _BY_WORDS:
        if pattern.search(template):
            return found
    return MODEL_CALL if kind is SpanKind.LLM else OTHER


def _of_code(template: str) -> ErrorClass:
    """Of code that an agent wrote: a missing module is the environment's matter, all else the author's."""
    inner = _INNER_TYPE.search(template)
    return SETUP if inner and inner[1].rpartition(".")[2] in ("ModuleNotFoundError", "ImportError") else CODE


def _leading_type(template: str) -> str:
    found = _LEADING_TYPE.match(template)
    return found[1] if found else ""
