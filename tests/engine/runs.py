"""Small runs for tests: a configuration, a window of a few traces, and a run over it with a scripted model."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.agents.agent_config import AgentConfig
from engine.engine_config import EngineConfig
from engine.llm.model import Model
from engine.model_config import ModelConfig
from engine.models.messages import AgentMessage
from engine.opening import window_of_files
from engine.running import Led, run
from engine.window import TraceWindow
from tests.engine.fakes import Heard

MODEL = ModelConfig(name="fake-1")
TRACES = 11


def config(*, turns: int = 8, sub_turns: int = 4, root: dict[str, Any] | None = None, **more: Any) -> EngineConfig:
    """A configuration; `root` are further settings of the root agent."""
    return EngineConfig(
        **{
            "root_agent": AgentConfig(name="root", model=MODEL, maximum_turns=turns, **(root or {})),
            "subagent": AgentConfig(name="sub", model=MODEL, maximum_turns=sub_turns),
            "synthesis_model": MODEL,
            "compaction_model": MODEL,
            "maximum_depth": 1,
            **more,
        }
    )


def asks(question: str = "what is wrong?") -> list[AgentMessage]:
    """A conversation that is a question."""
    return [AgentMessage(role="user", content=question)]


def trace_file(directory: Path) -> Path:
    """A file of `TRACES` traces of one span each."""
    path = directory / "traces.jsonl"
    path.write_text("".join(json.dumps(_span(number)) + "\n" for number in range(1, TRACES + 1)))
    return path


def _span(number: int) -> dict[str, Any]:
    return {
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "parent_span_id": "",
        "name": "agent",
        "kind": "SPAN_KIND_INTERNAL",
        "start_time": "2026-01-01T00:00:00.000000000Z",
        "end_time": "2026-01-01T00:00:01.000000000Z",
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "resource": {"attributes": {"service.name": "svc"}},
        "scope": {"name": "s", "version": ""},
        "attributes": {"openinference.span.kind": "AGENT", "openinference.agent.name": "planner"},
    }


@contextmanager
def window(directory: Path) -> Iterator[TraceWindow]:
    """The window of `trace_file`."""
    with window_of_files([trace_file(directory)], None) as opened:
        yield opened


async def led(directory: Path, model: Model, engine_config: EngineConfig | None = None) -> tuple[Led, Heard]:
    """A run over that window, and what was heard of it."""
    heard = Heard()
    with window(directory) as opened:
        return await run(asks(), engine_config or config(), opened, heard, model=model), heard
