"""A run's look with a model: what is asked, what is shown, what is told on the way, and what is left when it fails."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.errors import PermanentError
from domain.inquiry import Inquiry
from domain.report import AgentRef, TimeWindow
from domain.runs import Message, Run, RunOptions, RunWindow
from domain.spans import SpanKind
from engine.engine_config import EngineConfig
from engine.inquiry import DEFAULT_QUESTION, Examined, StepStarted
from engine.models.messages import AgentMessage
from engine.window import TraceWindow
from scheduler.analysing import Produced, produce_report
from scheduler.engine_settings import MARGIN, EngineSettings
from scheduler.examining import (
    LEAST_SECONDS,
    MAX_HISTORY_CHARS,
    Looked,
    Timeline,
    answer_message,
    conversation,
    engine_config,
    look_with_model,
    shown_of,
)
from store.backends.sqlite import load_window
from store.base import Selection, WindowReader
from tests.store.control_kit import START
from tests.store.window_kit import make_span, request_of

EVERYTHING = Selection(0, 2**63 - 1)
SETTINGS = EngineSettings(model="m", base_url="http://127.0.0.1:9/v1", api_key="secret", headers={"A": "b"})
Told = list[tuple[str, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WindowReader]:
    """Six traces of three spans each."""
    spans = []
    for trace in range(6):
        spans.append(make_span(trace, "root", kind=SpanKind.AGENT, agent__name="clerk", end_s=9 + trace))
        spans += [make_span(trace, f"call {call}", "root", kind=SpanKind.TOOL, tool__name="refund") for call in (1, 2)]
    with load_window([request_of(spans).SerializeToString()], tmp_path_factory.mktemp("window")) as found:
        yield found


@pytest.fixture(scope="module")
def produced(reader: WindowReader) -> Produced:
    return produce_report(
        reader,
        EVERYTHING,
        agent=AgentRef(uuid="", name="clerk", service=""),
        run_id="r",
        window=TimeWindow(start=START - timedelta(days=9_999), end=START),
        now=START,
        previous=None,
    )


def a_run(prompt: str | None = "Why?", origin: str = "manual", **options: Any) -> Run:
    return Run(
        id="run-1",
        conversation_id="c",
        agent_uuid="",
        status="running",
        window=RunWindow(start=START - timedelta(days=1), end=START),
        options=RunOptions(prompt=prompt, **options),
        origin=origin,
        created_at=START,
    )


class Examining:
    """An inquiry that notes what it was asked, tells a step, and ends as it is told to."""

    def __init__(self, produced: Produced, reason: str = "", error: Exception | None = None) -> None:
        inquiry = Inquiry(question="Why?", answer_md="Because.", incomplete=reason)
        report = produced.report.model_copy(update={"mode": "model", "inquiry": inquiry})
        status = "incomplete" if reason else "completed"
        self._examined = Examined(status, reason, "Because.", replace(produced.built, report=report))  # type: ignore[arg-type]
        self._error = error
        self.messages: list[AgentMessage] = []
        self.config: EngineConfig | None = None
        self.window: TraceWindow | None = None
        self.resumed = False

    async def __call__(
        self, messages: list[AgentMessage], config: EngineConfig, window: TraceWindow, watcher: Any, *, resume: bool
    ) -> Examined:
        self.messages, self.config, self.window, self.resumed = messages, config, window, resume
        watcher.step(StepStarted("turn", "a", None, "root", 0, 1, 50, 10, 0.5))
        assert config.checkpoint_path is None or not resume or config.checkpoint_path.read_text() == "state"
        if self._error is not None:
            raise self._error
        return self._examined


def looked(
    examining: Examining, produced: Produced, reader: WindowReader, directory: Path, run: Run | None = None, **more: Any
) -> tuple[Looked, Told]:
    told: Told = []
    found = look_with_model(
        run or a_run(),
        produced,
        reader,
        EVERYTHING,
        AgentRef(uuid="", name="clerk", service=""),
        more.pop("settings", SETTINGS),
        history=more.pop("history", ()),
        directory=directory,
        seconds_left=600.0,
        tell=lambda kind, payload: told.append((kind, payload)),
        clock=lambda: 0.0,
        examine=examining,
    )
    return found, told


def test_the_answer_becomes_the_report_and_its_steps_the_timeline(
    produced: Produced, reader: WindowReader, tmp_path: Path
) -> None:
    """What a run costs and does is seen while it goes on."""
    examining = Examining(produced)
    found, told = looked(examining, produced, reader, tmp_path)

    assert (found.reason, found.produced.report.mode) == ("", "model")
    assert [message.content for message in examining.messages] == ["Why?"]
    assert told[0] == ("model_asked", {"model": "m", "traces_left_out": 0, "spans_left_out": 0})
    assert told[1][1] == {"what": "turn", "agent": "root", "depth": 0, "turn": 1, "tokens": 10, "usd": 0.5}


def test_a_model_that_cannot_be_asked_leaves_the_analysis_and_says_why(
    produced: Produced, reader: WindowReader, tmp_path: Path
) -> None:
    """A wrong key must not cost what is known without a model."""
    found, _ = looked(Examining(produced, error=PermanentError("401: wrong key")), produced, reader, tmp_path)

    assert found.reason == "401: wrong key"
    assert found.produced.report.findings == produced.report.findings
    assert found.produced.report.inquiry is not None
    assert found.produced.report.inquiry.incomplete == "401: wrong key"


def test_an_engine_that_breaks_costs_no_analysis(produced: Produced, reader: WindowReader, tmp_path: Path) -> None:
    """What nobody thought of must not take a report away that is already there."""
    found, _ = looked(Examining(produced, error=ZeroDivisionError("oops")), produced, reader, tmp_path)

    assert found.reason == "it failed (ZeroDivisionError)"
    assert found.produced.report.findings == produced.report.findings


def test_a_run_that_is_taken_again_goes_on_from_its_state_which_goes_with_the_run(
    produced: Produced, reader: WindowReader, tmp_path: Path
) -> None:
    """A crash costs no model call twice, and nothing is left lying about."""
    state = tmp_path / "checkpoints" / "run-1.json"
    state.parent.mkdir()
    state.write_text("state")
    examining = Examining(produced)
    looked(examining, produced, reader, tmp_path)
    without = Examining(produced)
    looked(without, produced, reader, tmp_path, settings=SETTINGS.model_copy(update={"checkpoints": False}))

    assert examining.resumed
    assert not state.exists()
    assert (without.resumed, without.config and without.config.checkpoint_path) == (False, None)


def test_a_model_is_shown_the_newest_traces_that_fit_and_told_how_many_do_not(
    reader: WindowReader, produced: Produced, tmp_path: Path
) -> None:
    """Counts read the whole window; what a model reads has a limit."""
    shown = shown_of(reader, EVERYTHING, 7)
    examining = Examining(produced)
    found, told = looked(examining, produced, reader, tmp_path, run=a_run(span_limit=7))

    assert (shown.left_out_traces, shown.left_out_spans) == (4, 12)
    assert len(reader.keys(shown.selection)) == 2
    assert len(reader.keys(shown_of(reader, EVERYTHING, 18).selection)) == 6
    assert len(reader.keys(shown_of(reader, EVERYTHING, 1).selection)) == 1
    assert examining.window is not None
    assert examining.window.selection == shown.selection
    assert told[0][1]["traces_left_out"] == 4
    assert found.produced.report.inquiry is not None
    assert found.produced.report.inquiry.left_out_traces == 4
    assert "4 older traces (12 spans) were counted and not shown to it" in found.produced.markdown


def test_the_options_of_a_run_come_before_the_settings_of_the_sidecar() -> None:
    """A run may ask another model, and cost less."""
    settings = SETTINGS.model_copy(update={"subagent_model": "s", "compaction_model": "c", "reasoning_effort": "high"})
    options = RunOptions(model_id="other", max_turns=7, max_subagent_depth=2, budget_usd=0.5, reasoning_effort="low")
    config = engine_config(settings, options, None, 100.0)
    plain = engine_config(SETTINGS, RunOptions(), None, -5.0)

    assert (config.root_agent.model.name, config.subagent.model.name) == ("other", "s")
    assert (config.compaction_model.name, config.compaction_model.reasoning_effort) == ("c", None)
    assert (config.root_agent.maximum_turns, config.maximum_depth, config.budget_usd) == (7, 2, 0.5)
    assert config.root_agent.model.reasoning_effort == "low"
    assert (config.model_provider.api_key, config.model_provider.default_headers) == ("secret", {"A": "b"})
    assert config.budget_seconds == 100.0
    assert plain.budget_seconds == LEAST_SECONDS, "a run that is nearly out of time still says what it knows"
    assert timedelta(0) < MARGIN


def test_a_question_follows_what_was_said_before_its_latest_parts_if_it_is_long() -> None:
    """A follow-up is understood from the report it follows."""

    def said(number: int, role: str, content: str, run_id: str = "earlier") -> Message:
        return Message(sequence=number, role=role, content=content, run_id=run_id, created_at=START)

    before = [said(1, "user", "first"), said(2, "assistant", "report"), said(3, "user", "Why?", "run-1")]
    long = [said(1, "assistant", "x" * MAX_HISTORY_CHARS), said(2, "assistant", "y" * 10)]

    assert [(each.role, each.content) for each in conversation(before, a_run())] == [
        ("user", "first"),
        ("assistant", "report"),
        ("user", "Why?"),
    ]
    assert sum(len(str(each.content)) for each in conversation(long, a_run())[:-1]) == MAX_HISTORY_CHARS
    assert conversation([], a_run(prompt=None))[-1].content == DEFAULT_QUESTION


def test_every_turn_is_told_and_of_tool_calls_a_few_a_second() -> None:
    """A timeline that grows without bound is no help."""
    told: Told = []
    now = [0.0]
    timeline = Timeline(lambda kind, payload: told.append((kind, payload)), lambda: now[0])
    step = StepStarted("tool", "a", None, "root", 0, 1, 50, 10, None, "query_traces {}\n" + "x" * 500)
    for _ in range(10):
        timeline.step(step)
    timeline.step(replace(step, kind="turn", text=""))
    now[0] = 1.0
    timeline.step(step)
    timeline.step(replace(step, kind="tool_done"))

    assert [payload["what"] for _, payload in told] == ["tool", "turn", "tool"]
    assert len(told[0][1]["detail"]) <= 160
    assert "\n" not in told[0][1]["detail"]
    assert "usd" not in told[0][1]


def test_a_follow_up_is_answered_in_a_message_that_says_where_the_rest_is(
    produced: Produced, reader: WindowReader, tmp_path: Path
) -> None:
    """The same report over and over would drown the answer."""
    run = a_run(origin="follow_up")
    found, _ = looked(Examining(produced, reason="turns are used up"), produced, reader, tmp_path, run=run)
    message = answer_message(found.produced, run)

    assert message.startswith("> **Incomplete:** turns are used up.\n\nBecause.")
    assert "halo report get run-1" in message


def test_the_settings_say_whether_there_is_anybody_to_ask_and_hide_their_secrets() -> None:
    """A key in a log is a key lost."""
    assert SETTINGS.can_ask({})
    assert EngineSettings(model="m").can_ask({"OPENAI_API_KEY": "k"})
    assert not EngineSettings(model="m").can_ask({})
    assert "secret" not in repr(SETTINGS) + SETTINGS.model_dump_json()
    assert EngineSettings.model_validate(SETTINGS.revealed()) == SETTINGS


def test_a_state_that_no_longer_fits_the_window_is_given_up_and_the_question_asked_anew(
    produced: Produced, reader: WindowReader, tmp_path: Path
) -> None:
    """Traces that left the window between two attempts must not cost the answer."""
    state = tmp_path / "checkpoints" / "run-1.json"
    state.parent.mkdir()
    state.write_text("state")
    tried: list[bool] = []

    class Picky(Examining):
        async def __call__(self, *args: Any, resume: bool) -> Examined:
            tried.append(resume)
            if resume:
                raise PermanentError("of other traces")
            return await super().__call__(*args, resume=resume)

    found, _ = looked(Picky(produced), produced, reader, tmp_path)

    assert tried == [True, False]
    assert found.reason == ""


def test_traces_that_ended_at_the_same_moment_are_shown_or_left_out_together(tmp_path: Path) -> None:
    """A limit that cuts between them would show less than it says, or nothing at all."""
    spans = [make_span(trace, "root", kind=SpanKind.AGENT, agent__name="clerk", end_s=9) for trace in range(3)]
    spans += [make_span(trace, "root", kind=SpanKind.AGENT, agent__name="clerk", end_s=5) for trace in (7, 8)]
    with load_window([request_of(spans).SerializeToString()], tmp_path) as reader:
        shown = shown_of(reader, EVERYTHING, 1)
        wider = shown_of(reader, EVERYTHING, 4)

        assert (len(reader.keys(shown.selection)), shown.left_out_traces) == (3, 2)
        assert (len(reader.keys(wider.selection)), wider.left_out_traces) == (3, 2)
