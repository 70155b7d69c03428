"""Why a model stopped, in one small vocabulary, and how much it was allowed to say."""

import re
from collections.abc import Mapping

_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "stop": ("stop", "end_turn", "stop_sequence", "completed", "complete", "finished", "eos", "eos_token", "done"),
    "length": (
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_completion_tokens",
        "max_length",
        "model_length",
        "token_limit",
        "incomplete",
        "model_context_window_exceeded",
    ),
    "tool_calls": ("tool_calls", "tool_call", "tool_use", "function_call", "function_calls", "toolcalls", "tooluse"),
    "content_filter": (
        "content_filter",
        "content_filtered",
        "safety",
        "image_safety",
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "refusal",
        "guardrail_intervened",
    ),
    "error": ("error", "failed", "malformed_function_call", "unexpected_tool_call", "malformed_tool_use"),
}
_REASONS = {spelling: reason for reason, spellings in _SPELLINGS.items() for spelling in spellings}
OTHER = "other"

_FINISH = re.compile(r'"(?:finish_?[rR]eason|stop_?[rR]eason)"\s*:\s*"([\w.-]{1,40})"')
_MAX_TOKENS = re.compile(r'"max_?(?:completion_?|output_?)?tokens"\s*:\s*(\d{1,9})\b', re.IGNORECASE)


def finish_word(recorded: str) -> str:
    """stop, length, tool_calls, content_filter, error or other; "" when nothing was recorded."""
    known = _REASONS.get(recorded)
    if known is not None or not recorded:
        return known or ""
    word = recorded.strip().lower().replace("-", "_").rpartition(".")[2]
    return _REASONS.get(word, OTHER)


def finish_in(response: str) -> str:
    """The reason that a response as JSON text states; text that merely quotes a reason is escaped."""
    match = _FINISH.search(response) if response.startswith(("{", "[")) else None
    return match[1] if match else ""


def token_limit_in(request: str) -> int | None:
    """The most output tokens that a request as text allows; None when it does not say."""
    if request.isdecimal():
        return int(request[:9])
    match = _MAX_TOKENS.search(request)
    return int(match[1]) if match else None
