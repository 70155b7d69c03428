"""A message of the agent's own conversation that was taken out to keep it short."""

from typing import Any

from pydantic import Field

from engine.context.shortening import text_of
from engine.tooling import Arguments, ToolConfig, ToolError, Work


class Config(ToolConfig):
    """How much of a message is shown at once."""

    max_chars: int = Field(default=20_000, ge=200, description="Most characters of one answer.")


class Given(Arguments):
    """Which message, and from where on."""

    item_id: str = Field(min_length=1, max_length=100, description="An id like item-12, as a summary names it.")
    offset: int = Field(default=0, ge=0, description="Characters to skip; next_offset of the answer before.")


class GetContextItem:
    """Gives back what compaction has taken out."""

    name = "get_context_item"
    description = (
        "A message from earlier in this conversation, as it was before it was summed up or cut. Summaries of earlier "
        "turns name the ids. Long ones come in pages."
    )
    arguments = Given

    def __init__(self, config: Config) -> None:
        self.config: Config = config

    def offered(self, work: Work) -> bool:
        """To every agent: every conversation may grow long."""
        return True

    async def answer(self, given: Given, work: Work) -> dict[str, Any]:
        """Who said it, a page of its text, and the tool calls it made."""
        message = work.item(given.item_id)
        if message is None:
            raise ToolError(
                f"there is no item {given.item_id!r}; ids stand in the summaries of earlier turns (item-12)"
            )
        text = text_of(message)
        end = given.offset + self.config.max_chars
        return {
            "item_id": given.item_id,
            "role": message.role,
            "name": message.name,
            "text": text[given.offset : end],
            "total_chars": len(text),
            "next_offset": end if end < len(text) else None,
            "tool_calls": [
                {"name": call.function.name, "arguments": call.function.arguments[: self.config.max_chars]}
                for call in message.tool_calls or ()
            ],
        }


def create(config: Config) -> GetContextItem:
    """The tool."""
    return GetContextItem(config)
