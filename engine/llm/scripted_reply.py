"""What a scripted model answers, as plain values; the vocabulary of every script."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CHARS_PER_TOKEN = 4


@dataclass(frozen=True)
class ToolCall:
    """A tool the model wants called; `arguments` is sent as it is, so it may also be malformed JSON."""

    name: str
    arguments: str = "{}"
    id: str = ""
    """Left empty, the server numbers it: `call_<request>_<index>`."""


@dataclass(frozen=True)
class Usage:
    """Token counts of one call; `cached` is the part of `prompt` that came from the provider's cache."""

    prompt: int
    completion: int
    cached: int = 0


@dataclass(frozen=True)
class HttpError:
    """An answer that is no completion: status, body (an object is sent as JSON) and extra headers."""

    status: int
    body: Mapping[str, Any] | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What the model answers: text, tool calls, both, or an HTTP error instead of them.

    `finish_reason` defaults to `tool_calls` when there are any, else to `stop`; `usage` to an estimate of
    one token for every `CHARS_PER_TOKEN` characters of request and reply.
    """

    text: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    error: HttpError | None = None


def estimate_tokens(text: str) -> int:
    """Tokens the scripted model counts for a text."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)
