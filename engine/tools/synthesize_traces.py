"""What several traces have in common, told by a model that sees them side by side, shortened, with what they hold."""

from functools import partial
from typing import Any

from pydantic import Field

from engine.context.skeletons import Skeleton, skeleton_of, together
from engine.querying.finding import shown_ids, span_name, trace_called
from engine.tooling import Arguments, ToolConfig, ToolError, Work

_QUESTION = (
    "The text shows traces of a software agent, shortened: a line for each span, below it the beginning of its input "
    "and of its output. Tell in at most 400 words what they have in common and where they differ: what was "
    "asked, what went wrong or was wasted and in which of them, error texts, models, tokens. Name trace ids and span "
    "ids exactly as they stand there."
)


class Config(ToolConfig):
    """How much of the traces the model reads."""

    max_traces: int = Field(default=50, ge=1, le=500, description="Most traces of one call.")
    max_read_chars: int = Field(default=60_000, ge=2_000, description="Most characters of all traces together.")
    timeout_s: float = Field(default=300.0, gt=0, description="Longest a call may take.")


class Given(Arguments):
    """Which traces, and what to look at."""

    trace_ids: list[str] = Field(
        min_length=1, max_length=500, description="Ids of the traces, as other tools show them."
    )
    focus: str | None = Field(default=None, max_length=2_000, description="What to look at in particular.")


class SynthesizeTraces:
    """Has a model compare traces."""

    name = "synthesize_traces"
    description = (
        "A short text by another model on what several traces have in common and where they differ. It reads one line "
        "for each span and the beginnings of inputs, outputs and errors; the fewer traces, the more of each. For an "
        "overview of a group of traces; check what matters with view_trace or search_trace before you claim it."
    )
    arguments = Given

    def __init__(self, config: Config) -> None:
        self.config: Config = config

    def offered(self, work: Work) -> bool:
        """To every agent."""
        return True

    async def answer(self, given: Given, work: Work) -> dict[str, Any]:
        """The model's text."""
        names = list(dict.fromkeys(given.trace_ids))
        if len(names) > self.config.max_traces:
            raise ToolError(f"{len(names)} traces are too many for one call; give at most {self.config.max_traces}")
        skeletons: list[Skeleton] = []
        ids: set[tuple[str, str]] = set()
        for name in names:
            skeleton, trace_ids, span_ids = await work.in_thread(partial(_read, work, name))
            skeletons.append(skeleton)
            work.shown.traces |= trace_ids
            ids |= span_ids
        question = f"{_QUESTION} Look above all at: {given.focus}" if given.focus else _QUESTION
        summary = await work.ask("synthesis", question, together(skeletons, self.config.max_read_chars))
        work.shown.spans |= {pair for pair in ids if pair[1] in summary}
        return {"summary": summary, "trace_count": len(skeletons)}


def _read(work: Work, name: str) -> tuple[Skeleton, frozenset[str], frozenset[tuple[str, str]]]:
    trace = trace_called(work.window, name)
    skeleton = skeleton_of(trace, trace.summary.source_trace_id, [span_name(stored) for stored in trace.spans])
    return skeleton, *shown_ids(trace, trace.spans)


def create(config: Config) -> SynthesizeTraces:
    """The tool."""
    return SynthesizeTraces(config)
