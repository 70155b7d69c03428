"""A model's look at analysed files: shown while it goes on, checked, and merged into the report."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from cli.engine_flags import ModelQuestion
from cli.engine_progress import progress
from domain.errors import HaloError, PermanentError
from domain.report import AgentRef
from engine.inquiry import DEFAULT_QUESTION, Examined, examine
from engine.models.messages import AgentMessage
from engine.window import Analysed, TraceWindow
from scheduler.analysing import Produced, produced_of
from store.base import Selection, WindowReader
from telemetry.logs import configure_logs

Tell = Callable[[str], None]
_BY_SIGNAL = 128


def ask_model(
    reader: WindowReader,
    selection: Selection,
    agent: AgentRef,
    produced: Produced,
    question: ModelQuestion,
    *,
    quiet: bool,
    tell: Tell,
    clock: Callable[[], float],
) -> tuple[Produced, str]:
    """The report with what a model adds to it, and why it is incomplete, if it is.

    PermanentError, RetryableError: the model could not be asked, so its question is without an answer.
    """
    configure_logs("warning" if quiet else "info", "console")
    window = TraceWindow(reader, selection, agent, lambda: Analysed(produced.built, reader.span))
    checkpoint = _usable(question.config.checkpoint_path, question, tell)
    config = question.config.model_copy(update={"checkpoint_path": checkpoint})
    messages = [AgentMessage(role="user", content=question.prompt or DEFAULT_QUESTION)]

    async def asked() -> Examined:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with progress(quiet=quiet, clock=clock, write=tell) as watcher:
            return await examine(
                messages, config, window, watcher, resume=question.resume, telemetry=question.telemetry
            )

    try:
        examined = asyncio.run(asked())
    except (KeyboardInterrupt, asyncio.CancelledError) as stopped:
        kept = checkpoint is not None and checkpoint.is_file()
        tell("stopped; the same command with --resume goes on" if kept else "stopped")
        number = signal.SIGINT if isinstance(stopped, KeyboardInterrupt) else signal.SIGTERM
        raise SystemExit(_BY_SIGNAL + number) from None
    except HaloError as error:
        raise type(error)(f"{error}; without -p the analysis alone runs") from error
    if checkpoint is not None and examined.status == "completed":
        checkpoint.unlink(missing_ok=True)
    return produced_of(examined.built), examined.reason


def _usable(path: Path | None, question: ModelQuestion, tell: Tell) -> Path | None:
    """Where the run's state can be kept; without such a place the run goes on, but cannot be resumed."""
    if path is None:
        return None
    if question.resume and not path.is_file():
        raise PermanentError("--resume: nothing of this question to these files was cut off; leave --resume out")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        tell(f"{path.parent}: {error.strerror or error}; the run cannot be resumed should it be cut off")
        return None
    return path
