"""A model connected to a scripted server: what most tests of this folder ask questions of."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.llm.connecting import connect
from engine.llm.model import Model, ModelCall, Purpose, ToolSpec
from engine.llm.scripted import HttpError, Reply, Script, ScriptedServer
from engine.model_config import ModelConfig
from engine.model_provider_config import ModelProviderConfig
from engine.models.messages import AgentMessage

Api = Literal["chat", "responses"]
APIS: tuple[Api, ...] = ("chat", "responses")
KEY = "tk-a1b2c3d4e5f6"
NOW = 1_800_000_000.0
LOOK_UP = ToolSpec("look_up", "Looks something up.", {"type": "object", "properties": {"id": {"type": "string"}}})
COUNT = ToolSpec("count", "Counts.", {"type": "object", "properties": {}})


@dataclass
class Played:
    """The model, the server behind it, and what the retry layer did: seconds slept, lines told."""

    model: Model
    server: ScriptedServer
    slept: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request.body for request in self.server.requests]


@asynccontextmanager
async def playing(script: Script, api: Api = "chat", draw: float = 0.5, **settings: Any) -> AsyncIterator[Played]:
    """A connected model whose clock stands still at NOW, whose sleep is only noted, and whose chance is `draw`."""
    with ScriptedServer(script) as server:
        slept: list[float] = []
        told: list[str] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        provider = ModelProviderConfig(**{"base_url": server.base_url, "api_key": KEY, "api": api} | settings)
        connected = connect(provider, on_retry=told.append, clock=lambda: NOW, sleep=sleep, random=lambda: draw)
        async with connected as model:
            yield Played(model, server, slept, told)


def call(
    *messages: AgentMessage, tools: Sequence[ToolSpec] = (), forced: str = "", purpose: Purpose = "agent", **config: Any
) -> ModelCall:
    """A call with these messages, or with a greeting."""
    asked = messages or (AgentMessage(role="user", content="hello"),)
    model = ModelConfig(**{"name": "small"} | config)
    return ModelCall(model, asked, tools, forced_tool=forced, purpose=purpose)


def refused(status: int, message: str = "no", headers: dict[str, str] | None = None, **error: Any) -> Reply:
    """An HTTP error in the shape of OpenAI's."""
    body = {"error": {"message": message, "type": "t", "param": None, "code": None} | error}
    return Reply(error=HttpError(status, body, headers or {}))
