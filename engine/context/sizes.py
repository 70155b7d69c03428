"""How many tokens a conversation has: estimated from its characters, corrected by what the endpoint counted.

Counting exactly would take a tokenizer for every model there is. An endpoint tells with each answer what the request
had, so only what came since then has to be estimated.
"""

import json
import math
from collections.abc import Iterable

from pydantic import BaseModel

from engine.models.messages import AgentMessage

TOKENS_PER_CHAR = 0.25
"""Of English text and JSON, about; used until an endpoint has told more."""
_LEAST, _MOST = 0.15, 1.0
_ENOUGH_CHARS = 2_000  # a smaller difference between two requests says little
_FRAME_CHARS = 16  # role and separators of one message


def chars_of(messages: Iterable[AgentMessage]) -> int:
    """Characters of messages as a model is sent them."""
    return sum(_chars(message) for message in messages)


def _chars(message: AgentMessage) -> int:
    content = message.content
    text = len(content) if isinstance(content, str) else len(json.dumps(content)) if content else 0
    calls = sum(
        len(call.id) + len(call.function.name) + len(call.function.arguments) for call in message.tool_calls or ()
    )
    return _FRAME_CHARS + text + calls


class TokenMeter(BaseModel):
    """Tokens of a conversation by its characters.

    `known_chars` and `known_tokens` are of the latest request that an endpoint has counted; the tokens hold what comes
    with every request (the tools), too. Zero tokens mean that none has.
    """

    known_chars: int = 0
    known_tokens: int = 0
    per_char: float = TOKENS_PER_CHAR

    def learn(self, chars: int, tokens: int) -> None:
        """A request with so many characters was counted to have so many tokens."""
        difference = chars - self.known_chars
        if self.known_tokens and abs(difference) >= _ENOUGH_CHARS:
            measured = (tokens - self.known_tokens) / difference
            self.per_char = min(max(measured, _LEAST), _MOST)
        self.known_chars, self.known_tokens = chars, tokens

    def tokens(self, chars: int) -> int:
        """Tokens of a conversation with so many characters."""
        if not self.known_tokens:
            return math.ceil(chars * TOKENS_PER_CHAR)
        return max(self.known_tokens + math.ceil((chars - self.known_chars) * self.per_char), 0)

    def chars(self, tokens: int) -> int:
        """Most characters that a conversation of so many tokens may have; may be negative."""
        if not self.known_tokens:
            return int(tokens / TOKENS_PER_CHAR)
        return self.known_chars + int((tokens - self.known_tokens) / self.per_char)
