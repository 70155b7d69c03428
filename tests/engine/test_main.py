"""The six entry points: a script written for the HALO engine package finds them, and gets what it expects."""

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import engine.main
from domain.errors import PermanentError, RetryableError
from engine.engine_config import EngineConfig
from engine.llm.scripted import HttpError, Reply, ScriptedServer, ToolCall
from engine.model_provider_config import ModelProviderConfig
from engine.models.engine_output import AgentOutputItem, AgentTextDelta, EngineStreamEvent, RunCheckpoint
from tests.engine.runs import asks, config, trace_file

ENTRY_POINTS = (
    "stream_engine_async",
    "stream_engine_output_async",
    "run_engine_async",
    "stream_engine",
    "stream_engine_output",
    "run_engine",
)
ANSWER = "# Done\n\nAll is **well**."


def _script(request: dict[str, Any]) -> Reply:
    if any(message["role"] == "tool" for message in request["messages"]):
        return Reply("Closing.", (ToolCall("final_answer", json.dumps({"answer": ANSWER})),))
    return Reply("Let me look at it.", (ToolCall("count_traces"),))


@contextmanager
def _served(script: Callable[[dict[str, Any]], Reply] = _script) -> Iterator[tuple[ScriptedServer, EngineConfig]]:
    with ScriptedServer(script) as server:
        provider = ModelProviderConfig(base_url=server.base_url, api_key="scripted", attempts=2)
        yield server, config(model_provider=provider)


async def _collected(events: Any) -> list[EngineStreamEvent]:
    return [event async for event in events]


def _all_of(name: str, engine_config: EngineConfig, traces: Path) -> list[EngineStreamEvent]:
    given = getattr(engine.main, name)(asks(), engine_config, traces)
    if name == "run_engine_async":
        return list(asyncio.run(given))
    return asyncio.run(_collected(given)) if name.endswith("_async") else list(given)


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_every_entry_point_tells_the_same_messages(name: str, tmp_path: Path) -> None:
    """They differ in how they are called and in whether text streams, in nothing else."""
    with _served() as (_, engine_config):
        events = _all_of(name, engine_config, trace_file(tmp_path))
    items = [event for event in events if isinstance(event, AgentOutputItem)]
    told = [(item.item.role, item.item.content, bool(item.item.tool_calls), item.final) for item in items]
    assert told == [
        ("assistant", None, True, False),
        ("assistant", "Let me look at it.", False, False),
        ("tool", '{"result":{"total":11}}', False, False),
        ("assistant", ANSWER, False, True),
        ("assistant", "Closing.", False, False),
    ]
    deltas = [event for event in events if isinstance(event, AgentTextDelta)]
    assert "".join(delta.text_delta for delta in deltas) == (
        "" if "output" in name or "run" in name else "Let me look at it.Closing."
    )


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_every_entry_point_has_the_signature_that_scripts_call(name: str) -> None:
    """Positional messages, configuration and paths; telemetry by keyword."""
    parameters = inspect.signature(getattr(engine.main, name)).parameters
    assert [(each.name, each.kind.name) for each in parameters.values()] == [
        ("messages", "POSITIONAL_OR_KEYWORD"),
        ("engine_config", "POSITIONAL_OR_KEYWORD"),
        ("trace_paths", "POSITIONAL_OR_KEYWORD"),
        ("telemetry", "KEYWORD_ONLY"),
    ]


def test_leaving_a_stream_early_ends_the_run(tmp_path: Path) -> None:
    """No request is made for somebody who has gone."""
    with _served() as (server, engine_config):
        events = engine.main.stream_engine(asks(), engine_config, trace_file(tmp_path))
        next(events)
        events.close()
        assert len(server.requests) == 1


async def test_a_cancelled_stream_leaves_no_task_behind(tmp_path: Path) -> None:
    """The caller's loop is as it was."""
    with _served() as (_, engine_config):
        events = engine.main.stream_engine_async(asks(), engine_config, [trace_file(tmp_path)])
        await anext(events)
        await events.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_files_without_a_usable_trace_cost_no_request(tmp_path: Path) -> None:
    """An empty export is told, not analysed for money."""
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with _served() as (server, engine_config):
        with pytest.raises(PermanentError):
            engine.main.run_engine(asks(), engine_config, empty)
        assert server.requests == []


def test_messages_that_ask_nothing_cost_no_request(tmp_path: Path) -> None:
    """One line that says so."""
    with _served() as (server, engine_config):
        with pytest.raises(PermanentError, match="nothing is asked"):
            engine.main.run_engine([], engine_config, trace_file(tmp_path))
        assert server.requests == []


def test_a_wrong_key_is_one_request_and_one_line(tmp_path: Path) -> None:
    """Asking again with the same key is of no use."""
    refused = Reply(error=HttpError(401, {"error": {"message": "bad key", "type": "invalid_request_error"}}))
    with _served(lambda request: refused) as (server, engine_config):
        with pytest.raises(PermanentError) as raised:
            engine.main.run_engine(asks(), engine_config, trace_file(tmp_path))
        assert len(server.requests) == 1
    assert "\n" not in str(raised.value)


def test_an_endpoint_that_keeps_failing_is_a_passing_error(tmp_path: Path) -> None:
    """After as many requests as were allowed for."""
    broken = Reply(error=HttpError(500, "oops", {"retry-after": "0"}))
    with _served(lambda request: broken) as (server, engine_config):
        with pytest.raises(RetryableError):
            engine.main.run_engine(asks(), engine_config, trace_file(tmp_path))
        assert len(server.requests) == 2


def test_a_conversation_is_handed_on_at_the_end_where_it_was_asked_for(tmp_path: Path) -> None:
    """Starting with its messages goes on from there."""
    with _served() as (_, engine_config):
        with_checkpoints = engine_config.model_copy(update={"emit_run_checkpoints": True})
        events = list(engine.main.stream_engine(asks(), with_checkpoints, trace_file(tmp_path)))
        checkpoint = events[-1]
        assert isinstance(checkpoint, RunCheckpoint)
        assert [message.role for message in checkpoint.messages] == [
            "system",
            "user",
            "assistant",
            "tool",
            "assistant",
            "tool",
        ]
        again = [*checkpoint.messages, *asks("and why?")]
        assert engine.main.run_engine(again, engine_config, trace_file(tmp_path))


def test_importing_the_door_brings_nothing_heavy() -> None:
    """A script that only reads types starts at once."""
    heavy = ["openai", "numpy", "pydantic_monty", "analysis.reporting", "opentelemetry.proto", "sqlite3"]
    code = f"import sys, engine.main; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
