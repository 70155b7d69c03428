"""`python -m scheduler.child`: one attempt at one run, in a process that may die without harm.

Reads its job from standard input, analyses, saves the report in one transaction and ends. The parent keeps
standard input open; when that ends, the parent is dead, and so is this process a moment later.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from domain.component import load_component
from domain.errors import HaloError, PermanentError, RetryableError
from domain.report import AgentRef, TimeWindow
from domain.runs import Run, RunStatus
from scheduler.analysing import Produced, produce_report
from scheduler.engine_settings import EngineSettings
from scheduler.job import Job
from store.base import ControlStore, Selected, Selection, WindowReader
from store.control import open_control, selection_of
from telemetry.logs import configure_logs

ORPHANED = 3
TRY_AGAIN = 75  # sysexits.h: EX_TEMPFAIL
SETTLE_POLL_S = 0.25
PROGRESS_EVERY_S = 2.0
_ERROR_MAX_CHARS = 500
_LOG = structlog.get_logger()


def main() -> int:
    """Do the job on standard input; the exit code is 0 unless the run should be taken again."""
    job = Job.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True, name="watch the parent").start()
    configure_logs(job.log_level, job.log_format)
    structlog.contextvars.bind_contextvars(run_id=job.run_id, attempt=job.attempt)
    try:
        backend = load_component("store.backends", job.backend)
        with open_control(job.directory) as control, backend.open_reader(job.directory) as reader:
            Attempt(job, control, reader).carry_out()
    except HaloError as error:
        _LOG.warning("run_interrupted", error=str(error))
        return TRY_AGAIN
    return 0


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(ORPHANED)


class Attempt:
    """One attempt at a run, between a control store and a window; clocks in seconds."""

    def __init__(
        self,
        job: Job,
        control: ControlStore,
        reader: WindowReader,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._job = job
        self._control = control
        self._reader = reader
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._began = self._told_at = clock()

    def carry_out(self) -> None:
        """Bring the run to its end; RetryableError (or death) leaves it to be taken again."""
        run = self._control.run(self._job.run_id)
        if run is None or run.attempt != self._job.attempt:
            _LOG.info("run_superseded")
            return
        try:
            self._look(run)
        except (RetryableError, MemoryError):
            raise
        except Exception as error:
            _LOG.exception("run_failed")
            self._control.end_run(run.id, run.attempt, "failed", one_line(error))

    def _look(self, run: Run) -> None:
        self._event("started", {"attempt": run.attempt})
        selection = selection_of(run)
        selected = self._settled(selection)
        counted = {"traces": len(selected.keys), "settling": selected.settling, "open": selected.open}
        self._event("window_selected", counted)
        if not selected.keys:
            self._control.end_run(run.id, run.attempt, "no_traces")
            return
        if not self._control.mark_running(run.id, run.attempt):
            _LOG.info("run_superseded")
            return
        found = self._reader.find_agent(run.agent_uuid)
        if found is None:
            raise PermanentError("the agent's traces have left the window; run on a later window")
        agent = AgentRef(uuid=found.uuid, name=found.name, service=found.service)
        produced = produce_report(
            self._reader,
            selection,
            agent=agent,
            run_id=run.id,
            window=TimeWindow(start=run.window.start, end=run.window.end),
            now=self._now(),
            previous=next(iter(self._control.reports(agent_uuid=run.agent_uuid, limit=1)), None),
            register=self._control.known_findings(run.agent_uuid),
            detector_settings=self._job.detectors,
            progress=self._progressed,
        )
        self._save(run, produced, selection, agent)

    def _save(self, run: Run, produced: Produced, selection: Selection, agent: AgentRef) -> None:
        """Ask a model if one is to be asked, then save what there is."""
        status: RunStatus = "completed"
        message = produced.markdown
        settings = EngineSettings.of_revealed(self._job.engine)
        if not run.options.no_model and (run.options.model_id or settings.model):
            from scheduler.examining import answer_message, look_with_model

            conversation = self._control.conversation(run.conversation_id)
            looked = look_with_model(
                run,
                produced,
                self._reader,
                selection,
                agent,
                settings,
                history=conversation.messages if conversation is not None else (),
                directory=self._job.directory,
                seconds_left=self._job.run_timeout_s - (self._clock() - self._began),
                tell=self._event,
                clock=self._clock,
            )
            produced, status = looked.produced, "incomplete" if looked.reason else "completed"
            message = answer_message(produced, run) if run.origin == "follow_up" else produced.markdown
        saved = self._control.save_report(
            run.id, run.attempt, produced.report, message, produced.evidence, self._job.exporters, status
        )
        if not saved:
            _LOG.info("run_superseded")

    def _settled(self, selection: Selection) -> Selected:
        """The selection once no trace of it whose root has ended waits to be quiet, or the wait has been long enough.

        So a run that is started right after the last span arrived sees that span's trace.
        """
        deadline = self._clock() + self._job.settle_timeout_s
        while (selected := self._reader.select(selection)).settling and self._clock() < deadline:
            self._sleep(SETTLE_POLL_S)
        return selected

    def _progressed(self, read: int, total: int) -> None:
        if self._clock() - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = self._clock()
            self._event("analysis_progress", {"traces": read, "of": total})

    def _event(self, kind: str, payload: Mapping[str, Any]) -> None:
        self._control.add_event(self._job.run_id, kind, payload)


def one_line(error: Exception) -> str:
    """What an error says, in one line of bounded length; its kind when it says nothing or is no error of HALO."""
    said = " ".join(str(error).split())[:_ERROR_MAX_CHARS]
    return said if isinstance(error, HaloError) and said else f"{type(error).__name__}: {said}".rstrip(": ")


if __name__ == "__main__":
    sys.exit(main())
