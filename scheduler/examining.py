"""A run's look with a model: settings and options become an inquiry, its steps become events, its answer a report.

Imported only where a model is asked, in the analysis process: it brings the engine with it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from analysis.reporting import Built
from domain.claims import Scalar
from domain.errors import HaloError, PermanentError
from domain.report import AgentRef, Inquiry
from domain.runs import Message, Run, RunOptions
from domain.sql import SqlLimits
from engine.agents.agent_config import AgentConfig
from engine.engine_config import EngineConfig
from engine.inquiry import DEFAULT_QUESTION, Examined, StepStarted, examine
from engine.model_config import ModelConfig
from engine.model_provider_config import ModelProviderConfig
from engine.models.engine_output import EngineStreamEvent
from engine.models.messages import AgentMessage
from engine.window import Analysed, TraceWindow
from scheduler.analysing import Produced, produced_of
from scheduler.engine_settings import MARGIN, EngineSettings
from store.base import Selection, WindowReader

Tell = Callable[[str, Mapping[str, Any]], None]
"""Adds an event to the run's timeline."""
Examine = Callable[..., Any]
MAX_HISTORY_CHARS = 60_000
LEAST_SECONDS = 5.0
TOOL_EVENTS_EVERY_S = 0.25
_DETAIL_CHARS = 160
_LOG = structlog.get_logger()
_NEWEST = "SELECT end_ns, spans FROM traces ORDER BY end_ns DESC"


@dataclass(frozen=True)
class Looked:
    """What a run with a model leaves: the report, and why it is incomplete, if it is."""

    produced: Produced
    reason: str


@dataclass(frozen=True)
class Shown:
    """The part of a selection that a model is shown, and how many of the older traces and their spans are not."""

    selection: Selection
    left_out_traces: int
    left_out_spans: int


def look_with_model(
    run: Run,
    produced: Produced,
    reader: WindowReader,
    selection: Selection,
    agent: AgentRef,
    settings: EngineSettings,
    *,
    history: Sequence[Message],
    directory: Path,
    seconds_left: float,
    tell: Tell,
    clock: Callable[[], float],
    examine: Examine = examine,
) -> Looked:
    """Put the run's question to the model; what the analysis knows stands whatever becomes of that."""
    shown = shown_of(reader, selection, run.options.span_limit)
    told = {"traces_left_out": shown.left_out_traces, "spans_left_out": shown.left_out_spans}
    tell("model_asked", {"model": run.options.model_id or settings.model, **told})
    checkpoint = directory / "checkpoints" / f"{run.id}.json" if settings.checkpoints else None
    if checkpoint is not None:
        checkpoint.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = engine_config(settings, run.options, checkpoint, seconds_left - MARGIN.total_seconds())
    window = TraceWindow(reader, shown.selection, agent, lambda: Analysed(produced.built, reader.span))

    def ask(resume: bool) -> Examined:
        asked = examine(conversation(history, run), config, window, Timeline(tell, clock), resume=resume)
        examined: Examined = asyncio.run(asked)
        return examined

    try:
        examined = _gone_on(ask, checkpoint)
    except Exception as error:
        if not isinstance(error, HaloError):
            _LOG.exception("inquiry_failed")
        reason = " ".join(str(error).split()) if isinstance(error, HaloError) else f"it failed ({type(error).__name__})"
        return Looked(_unanswered(produced, run, reason), reason)
    finally:
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)
    return Looked(produced_of(_with_left_out(examined.built, shown)), examined.reason)


def _with_left_out(built: Built, shown: Shown) -> Built:
    """The report with what the model was not shown."""
    inquiry = built.report.inquiry
    if inquiry is None:
        return built
    left_out = {"left_out_traces": shown.left_out_traces, "left_out_spans": shown.left_out_spans}
    told = inquiry.model_copy(update=left_out)
    return replace(built, report=built.report.model_copy(update={"inquiry": told}))


def _gone_on(ask: Callable[[bool], Examined], checkpoint: Path | None) -> Examined:
    """From the state of an earlier attempt where there is one; anew when it does not fit, as when traces have left."""
    if checkpoint is not None and checkpoint.is_file():
        try:
            return ask(True)
        except PermanentError:
            checkpoint.unlink(missing_ok=True)
    return ask(False)


def engine_config(
    settings: EngineSettings, options: RunOptions, checkpoint: Path | None, most_seconds: float
) -> EngineConfig:
    """The engine's configuration of one run: its own options before the sidecar's settings."""
    root = ModelConfig(
        name=options.model_id or settings.model or "",
        temperature=settings.temperature,
        maximum_output_tokens=settings.max_output_tokens,
        parallel_tool_calls=settings.parallel_tool_calls,
        reasoning_effort=options.reasoning_effort or settings.reasoning_effort,
    )

    def model(*names: str | None) -> ModelConfig:
        return root.model_copy(update={"name": next(filter(None, names), root.name)})

    def agent(name: str, config: ModelConfig) -> AgentConfig:
        return AgentConfig(
            name=name, model=config, maximum_turns=options.max_turns, refusal_retries=settings.refusal_retries
        )

    own = options.budget_seconds or settings.budget.seconds
    limits = [seconds for seconds in (own, most_seconds) if seconds is not None]
    provider = ModelProviderConfig(
        base_url=settings.base_url,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        default_headers={name: value.get_secret_value() for name, value in settings.headers.items()} or None,
        api=settings.api,
    )
    compaction = model(settings.compaction_model).model_copy(update={"reasoning_effort": None})
    return EngineConfig(
        root_agent=agent("root", root),
        subagent=agent("sub", model(options.subagent_model_id, settings.subagent_model)),
        synthesis_model=model(settings.synthesis_model),
        compaction_model=compaction,
        model_provider=provider,
        maximum_depth=options.max_subagent_depth,
        maximum_parallel_subagents=settings.max_parallel_subagents,
        dataset_context=settings.dataset_context,
        repo_path=settings.repo_path,
        budget_tokens=options.budget_tokens or settings.budget.tokens,
        budget_usd=options.budget_usd or settings.budget.usd,
        budget_seconds=max(min(limits), LEAST_SECONDS),
        context_window_tokens=settings.context_window_tokens,
        checkpoint_path=checkpoint,
        prices_path=settings.prices,
    )


def conversation(history: Sequence[Message], run: Run) -> list[AgentMessage]:
    """What was said in the conversation before this run, its latest parts if it is long, and the run's question."""
    before = [message for message in history if message.run_id != run.id]
    kept: list[AgentMessage] = []
    room = MAX_HISTORY_CHARS
    for message in reversed(before):
        content = message.content[:room]
        room -= len(content)
        if not content:
            break
        kept.insert(0, AgentMessage(role=message.role, content=content))
    return [*kept, AgentMessage(role="user", content=run.options.prompt or DEFAULT_QUESTION)]


def shown_of(reader: WindowReader, selection: Selection, span_limit: int) -> Shown:
    """The newest traces of a selection that hold at most so many spans; those that ended last always."""
    rows = _all(reader, selection)
    spans = 0
    for end_ns, count in rows:
        spans += count
        if spans > span_limit and end_ns < rows[0][0]:
            left_out = [row for row in rows if row[0] <= end_ns]
            newest = Selection(end_ns + 1, selection.end_to_ns, selection.agent_uuids)
            return Shown(newest, len(left_out), sum(each for _, each in left_out))
    return Shown(selection, 0, 0)


def _all(reader: WindowReader, selection: Selection) -> list[tuple[int, int]]:
    """End and number of spans of each trace, the newest first."""
    limits = SqlLimits(rows=1_000_000, size_bytes=100_000_000, seconds=60.0)
    answer = reader.query(_NEWEST, {}, selection=selection, limits=limits)
    return [(_int(row[0]), _int(row[1])) for row in answer.rows]


def _int(value: Scalar) -> int:
    return int(value or 0)


class Timeline:
    """Writes what agents do into a run's timeline; implements `engine.inquiry.Watcher`."""

    def __init__(self, tell: Tell, clock: Callable[[], float]) -> None:
        self._tell = tell
        self._clock = clock
        self._told_at = float("-inf")

    def event(self, event: EngineStreamEvent) -> None:
        """Messages are not kept in the timeline: they hold what spans hold."""

    def step(self, step: StepStarted) -> None:
        """Every turn and every end of an agent is told; of tool calls a few a second."""
        if step.kind == "tool_done":
            return
        if step.kind == "tool":
            if self._clock() - self._told_at < TOOL_EVENTS_EVERY_S:
                return
            self._told_at = self._clock()
        self._tell(
            "agent_step",
            {
                "what": step.kind,
                "agent": step.agent_name,
                "depth": step.depth,
                "turn": step.turn,
                "tokens": step.tokens,
                **({"usd": round(step.usd, 6)} if step.usd is not None else {}),
                **({"detail": " ".join(step.text.split())[:_DETAIL_CHARS]} if step.text else {}),
            },
        )


def _unanswered(produced: Produced, run: Run, reason: str) -> Produced:
    """The analysis's report, which says that no model could be asked."""
    inquiry = Inquiry(
        question=run.options.prompt or DEFAULT_QUESTION,
        answer_md="No model could be asked; the analysis stands alone.",
        agents=0,
        incomplete=reason,
    )
    report = produced.report.model_copy(update={"mode": "model", "inquiry": inquiry})
    meta = {**produced.built.meta, "mode": "model"}
    return produced_of(replace(produced.built, report=report, meta=meta))


def answer_message(produced: Produced, run: Run) -> str:
    """What a follow-up question is answered in its conversation: the answer, and where the rest is."""
    inquiry, claims = produced.report.inquiry, produced.report.claims
    if inquiry is None:
        return produced.markdown
    incomplete = f"> **Incomplete:** {inquiry.incomplete}.\n\n" if inquiry.incomplete else ""
    checked = f"{claims.confirmed} claims confirmed, {len(claims.ledger) - claims.confirmed} not"
    return f"{incomplete}{inquiry.answer_md}\n\n{checked}; the whole report: `halo report get {run.id}`\n"
