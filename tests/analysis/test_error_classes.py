"""Error classes decide who is told to change something; keywords in quoted code must not."""

import pytest

from analysis.error_classes import classify
from domain.masking import template
from domain.spans import SpanKind

CASES = [
    ("TOOL", "TypeError", "TypeError: forward() got an unexpected keyword argument 'page'", "invalid_arguments"),
    ("LLM", "RateLimitError", "litellm.RateLimitError: this request would exceed the rate limit", "rate_limit"),
    ("LLM", "InternalServerError", 'litellm.InternalServerError: {"type":"overloaded_error"}', "provider_error"),
    ("LLM", "BadRequestError", "litellm.BadRequestError: Error code: 400 - invalid prompt", "invalid_request"),
    ("LLM", "", "rate limited", "rate_limit"),
    ("LLM", "", "something odd", "model_call_error"),
    (
        "CHAIN",
        "AgentExecutionError",
        "Code execution failed at line 'x = 500' due to: InterpreterError: no",
        "code_error",
    ),
    ("CHAIN", "AgentExecutionError", "failed due to: ModuleNotFoundError: No module named 'Bio'", "environment_setup"),
    ("CHAIN", "AgentParsingError", "Error in code parsing: the pattern was not found in it", "code_error"),
    ("TOOL", "FileNotFoundError", "[Errno 2] No such file or directory: 'a.txt'", "not_found"),
    ("TOOL", "", "<tool_use_error>File does not exist.</tool_use_error>", "not_found"),
    ("TOOL", "", "Claude requested permissions to use it, but you haven't granted it yet.", "authentication"),
    ("TOOL", "ConnectionError", "upstream returned 503 for shard 3", "network"),
    ("TOOL", "UnknownToolError", "unknown tool 'cancel', there are: a, b", "hallucinated_tool"),
    ("TOOL", "", "Error: No such tool available: LS", "hallucinated_tool"),
    ("TOOL", "Exception", "No results found for query: '500 errors'. Use a less specific query.", "empty_result"),
    ("TOOL", "FileConversionException", "Could not convert 'a.mp3' to Markdown.", "unsupported_input"),
    ("TOOL", "", "<tool_use_error>InputValidationError: Grep failed", "invalid_arguments"),
    ("AGENT", "", "boom", "execution_error"),
]


@pytest.mark.parametrize(("kind", "error_type", "text", "category"), CASES)
def test_the_type_decides_before_the_words(kind: str, error_type: str, text: str, category: str) -> None:
    """A wrong class sends the brief to the wrong owner."""
    assert classify(SpanKind[kind], error_type, template(text)).category == category


@pytest.mark.parametrize(
    "quoted", ["'rate limit'", '"connection refused"', "`timed out`", "'HTTP 429 too many requests'"]
)
def test_words_inside_quotes_never_decide(quoted: str) -> None:
    """Measured: 8 of 191 errors were misclassed by keywords in quoted code."""
    found = classify(SpanKind.CHAIN, "AgentExecutionError", template(f"failed at line {quoted} due to: NameError: x"))

    assert found.category == "code_error"
    assert classify(SpanKind.TOOL, "", template(f"could not handle {quoted}")).category == "execution_error"


def test_every_class_says_who_changes_what() -> None:
    """A finding without a fix is a complaint."""
    for kind, error_type, text, _ in CASES:
        found = classify(SpanKind[kind], error_type, template(text))
        assert found.owner
        assert found.fix.endswith(".")
