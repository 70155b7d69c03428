"""All spans of a trace, long values cut."""

from typing import Any

from pydantic import Field

from engine.querying.finding import lines_called, trace_called
from engine.querying.memory import Answered, answered, room_of
from engine.querying.viewing import TRACE_CHARS, view, view_lines
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, Work


class Config(ToolConfig):
    """Limits of what is shown of a trace."""

    max_value_chars: int = Field(default=TRACE_CHARS, ge=100, description="Most characters of one value.")


class Input(Arguments):
    """Which trace, and which of its spans when they are many."""

    trace_id: str = Field(min_length=1, max_length=500, description="An id, or a beginning that only one id has.")
    offset: int = Field(default=0, ge=0, description="How many spans to skip, in order of their start.")
    limit: int | None = Field(default=None, ge=1, le=1_000, description="Most spans; by default all.")


class ViewTrace(ConfiguredTool[Config]):
    """Shows a trace."""

    name = "view_trace"
    description = (
        "All spans of a trace in order of their start, values cut at 4,096 characters. More than about 150,000 bytes "
        "give a summary, `oversized`, instead: then use search_trace and view_spans, or page with offset and limit."
    )
    arguments = Input

    async def answer(self, given: Input, work: Work) -> dict[str, Any]:
        """Its spans, or how large it is."""

        def make() -> Answered:
            end = None if given.limit is None else given.offset + given.limit
            limits = self.config.max_value_chars, room_of(self.config)
            lines = lines_called(work.window, given.trace_id)
            if lines is not None:
                wanted, count = lines.lines[given.offset : end], len(lines.lines)
                quick = view_lines(lines, wanted, *limits)
                if quick is not None:
                    return _of_all(quick, len(wanted), count)
            trace = trace_called(work.window, given.trace_id)
            spans = trace.spans[given.offset : end]
            return _of_all(view(trace, spans, *limits), len(spans), len(trace.spans))

        return await answered(work, (self.name, given.model_dump_json()), make)


def _of_all(found: Answered, shown: int, count: int) -> Answered:
    """An answer that tells how many spans the trace has, where it is about fewer."""
    if shown < count:
        found.values["trace_span_count"] = count
    return found


def create(config: Config) -> ViewTrace:
    """The tool."""
    return ViewTrace(config)
