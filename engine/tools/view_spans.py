"""Some spans of a trace, with more of their long values."""

from typing import Annotated, Any

from pydantic import Field

from engine.querying.finding import no_span, spans_called, trace_called
from engine.querying.memory import Answered, answered, room_of
from engine.querying.viewing import SPAN_CHARS, view
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, Work


class Config(ToolConfig):
    """Limits of what is shown of a span."""

    max_value_chars: int = Field(default=SPAN_CHARS, ge=100, description="Most characters of one value.")


class Input(Arguments):
    """Which spans of which trace."""

    trace_id: str = Field(min_length=1, max_length=500)
    span_ids: list[Annotated[str, Field(max_length=500)]] = Field(min_length=1, max_length=200)


class ViewSpans(ConfiguredTool[Config]):
    """Shows spans."""

    name = "view_spans"
    description = (
        "Up to 200 spans of a trace by their ids, values cut at 16,384 characters. More than about 150,000 bytes give "
        "a summary, `oversized`, instead: name fewer spans, or use search_span on a large one."
    )
    arguments = Input

    async def answer(self, given: Input, work: Work) -> dict[str, Any]:
        """The spans, and the ids that the trace does not have."""

        def make() -> Answered:
            trace = trace_called(work.window, given.trace_id)
            spans, unknown = spans_called(trace, given.span_ids)
            if not spans:
                raise no_span(unknown, trace.summary.source_trace_id)
            found = view(trace, spans, self.config.max_value_chars, room_of(self.config))
            if unknown:
                found.values["unknown_span_ids"] = unknown[:20]
            return found

        return await answered(work, (self.name, given.model_dump_json()), make)


def create(config: Config) -> ViewSpans:
    """The tool."""
    return ViewSpans(config)
