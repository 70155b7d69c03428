"""A script as a user of the HALO engine package writes it; run as a file by either package's interpreter.

    python -P bench/peer_script.py ENTRY_POINT BASE_URL TRACE_FILE

Prints every event that an entry point of `engine.main` gives, one JSON object a line, and how it ended if not well.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import engine.main
from engine.agents.agent_config import AgentConfig
from engine.engine_config import EngineConfig
from engine.model_config import ModelConfig
from engine.model_provider_config import ModelProviderConfig
from engine.models.messages import AgentMessage


def _config(base_url: str) -> EngineConfig:
    model = ModelConfig(name="scripted")
    return EngineConfig(
        root_agent=AgentConfig(name="Boss", model=model, maximum_turns=6),
        subagent=AgentConfig(name="Aide", model=model, maximum_turns=3),
        synthesis_model=model,
        compaction_model=model,
        model_provider=ModelProviderConfig(base_url=base_url, api_key="scripted"),
        maximum_depth=1,
        maximum_parallel_subagents=2,
    )


def _show(event: Any) -> None:
    print(json.dumps({"type": type(event).__name__, **event.model_dump(mode="json")}), flush=True)


async def _stream(events: Any) -> None:
    async for event in events:
        _show(event)


def _run(entry_point: str, base_url: str, traces: Path) -> None:
    function = getattr(engine.main, entry_point)
    given = function([AgentMessage(role="user", content="What is wrong?")], _config(base_url), traces)
    if entry_point.endswith("_async"):
        asyncio.run(_stream(given)) if entry_point.startswith("stream") else list(map(_show, asyncio.run(given)))
        return
    for event in given:
        _show(event)


if __name__ == "__main__":
    try:
        _run(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    except Exception as error:
        print(json.dumps({"type": "raised", "error": f"{type(error).__name__}: {error}"}))
