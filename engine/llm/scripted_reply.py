"""What a scripted model answers, as plain values; the vocabulary of every script."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

CHARS_PER_TOKEN = 4

Json = dict[str, Any]
Fault = Literal["cut", "unfinished", "malformed", "error", "empty"]
"""How an answer goes wrong that began with status 200.

`cut`: the connection breaks. `unfinished`: it ends in good order, without a finish. `malformed`: JSON that stops in
the middle. `error`: the endpoint reports an error instead of the rest. `empty`: there is no answer in it.
"""


@dataclass(frozen=True)
class ToolCall:
    """A tool the model wants called; `arguments` is sent as it is, so it may also be malformed JSON."""

    name: str
    arguments: str = "{}"
    id: str = ""
    """Left empty, the server numbers it: `call_<request>_<index>`."""


@dataclass(frozen=True)
class Usage:
    """Token counts of one call; `cached` is the part of `prompt` that came from the provider's cache.

    `reasoning` is the part of `completion` that the model thought and did not say.
    """

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class HttpError:
    """An answer that is sent as it stands: status, body (an object as JSON) and headers, `content-type` among them."""

    status: int
    body: Mapping[str, Any] | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What the model answers: text, tool calls, both, a refusal, or an HTTP error instead of them.

    `finish_reason` (in the words of chat completions) defaults to `tool_calls` when there are any, else to `stop`;
    `usage` to an estimate of one token for every `CHARS_PER_TOKEN` characters of request and reply.
    A stream with a `fault` goes wrong after `fault_after` events; `delay_s` is waited before each event of a
    stream, and once before an answer that is not streamed.
    """

    text: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    error: HttpError | None = None
    refusal: str | None = None
    fault: Fault | None = None
    fault_after: int = 3
    delay_s: float = 0.0

    @property
    def finish(self) -> str:
        """The finish reason, its default included."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")


def estimate_tokens(text: str) -> int:
    """Tokens the scripted model counts for a text."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def call_id(call: ToolCall, number: int, index: int) -> str:
    """The id of the `index`-th tool call of the answer to the `number`-th request."""
    return call.id or f"call_{number}_{index}"
