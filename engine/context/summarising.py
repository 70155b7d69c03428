"""Summaries of old turns by a model, several at once; where there is none, an empty text says so.

Shortening a conversation must never end a run, so no failure leaves this module.
"""

import asyncio
from collections.abc import Sequence

import structlog

from domain.errors import PermanentError, RetryableError
from engine.context.shortening import ends
from engine.fencing import Fence
from engine.llm.model import ContextOverflowError, Model, ModelCall
from engine.model_config import ModelConfig
from engine.models.messages import AgentMessage

MOST_AT_ONCE = 4
"""Summaries that are asked for at the same time."""
_WORTH_ASKING_CHARS = 1_000
_CHARS_PER_WORD = 7
_MANUAL = (
    "You are given a part of the conversation between an analyst and the tools that the analyst reads traces with. Sum "
    "it up for the analyst, who has to go on without it. Keep what was asked of which tool, with its arguments in "
    "short; what came back: ids, names, numbers and quotes exactly as they stand there; what was concluded, what was "
    "ruled out and what is still to be done. Keep the item ids of what is worth reading again. Plain text, no "
    "introduction."
)

_log = structlog.get_logger(__name__)


class Summariser:
    """Asks a model; not again after an error that will not pass, and not for the same turns after any that may."""

    def __init__(self, model: Model, config: ModelConfig, caller: str, fence: Fence) -> None:
        self._model = model
        self._config = config.model_copy(update={"reasoning_effort": None})
        self._caller = caller
        self._fence = fence
        self._given_up = False
        self._away = False

    async def summaries(self, texts: Sequence[str], chars: int) -> list[str]:
        """A summary of about `chars` characters for each text, empty where there is none or none worth it."""
        slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._away = False
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._summary(text, chars, slots)) for text in texts]
        return [task.result() for task in tasks]

    async def _summary(self, text: str, chars: int, slots: asyncio.Semaphore) -> str:
        async with slots:
            if self._given_up or self._away or len(text) < _WORTH_ASKING_CHARS:
                return ""
            try:
                answer = await self._model.answer(self._call(text, chars))
            except Exception as error:
                self._away |= isinstance(error, RetryableError)
                self._given_up |= isinstance(error, PermanentError) and not isinstance(error, ContextOverflowError)
                _log.warning("summary_failed", error=type(error).__name__, given_up=self._given_up)
                return ""
        return "" if answer.refusal else ends(answer.text.strip(), chars)

    def _call(self, text: str, chars: int) -> ModelCall:
        manual = f"{_MANUAL} At most {max(chars // _CHARS_PER_WORD, 20)} words.\n\n{self._fence.rule}"
        messages = [
            AgentMessage(role="system", content=manual),
            AgentMessage(role="user", content=self._fence.around(text)),
        ]
        return ModelCall(config=self._config, messages=messages, purpose="compaction", caller=self._caller)
