"""Executes one tool call of a model: whatever the call is and the tool does, there is an answer, and it is bounded.

A model is told what is wrong with its call in one line that says what would be right, never to try again as before: the
same call fails in the same way. Nothing that happens in a tool ends a run.
"""

import asyncio
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import structlog
from pydantic import ValidationError

from domain.component import component_types, load_component
from domain.errors import ConfigError, HaloError
from engine.answering import answered, refused
from engine.fencing import Fence
from engine.llm.model import ToolSpec
from engine.models.messages import AgentToolCall
from engine.tool_arguments import read_arguments, schema_of, validated
from engine.tooling import KIND, Tool, ToolError, Work

BYTES_FOR_CODE = 4_000_000
"""Most bytes of an answer that goes to code and not into a conversation."""
_NEAR = 3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ToolReply:
    """The answer to a call.

    `content` is JSON, `{"result": …}` or `{"error": "…"}`, as events tell it. `shown_to_model` is what the model reads:
    results between the lines of the run's fence, errors as they are. `failed` says that it is an error.
    """

    content: str
    shown_to_model: str
    failed: bool


def load_tools(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Tool]:
    """All tools by name; `settings` are those of some, by name. ConfigError: a tool or setting that there is not."""
    names = component_types(KIND)
    problems = [f"tools.{name}: no such tool; use one of: {', '.join(names)}" for name in settings if name not in names]
    tools = {}
    for name in names:
        module = load_component(KIND, name)
        try:
            tools[name] = module.create(module.Config(**settings.get(name, {})))
        except ValidationError as error:
            problems += [f"tools.{name}.{_path(found['loc'])}: {found['msg']}" for found in error.errors()]
    if problems:
        raise ConfigError(problems)
    return tools


class Caller:
    """Makes the tool calls of a run."""

    def __init__(self, tools: Mapping[str, Tool], fence: Fence) -> None:
        self._tools = dict(sorted(tools.items()))
        self._fence = fence

    def specs(self, work: Work) -> list[ToolSpec]:
        """What an agent's model is told of its tools, always in the same order."""
        return [self._specs[name] for name in self._offered(work)]

    async def call(self, tool_call: AgentToolCall, work: Work) -> ToolReply:
        """Answer a call as the model wrote it. Raises nothing but cancellation."""
        name = tool_call.function.name
        try:
            tool = self._tool(name, work)
            value = await self._answer(tool, read_arguments(name, tool_call.function.arguments), work)
            content = await asyncio.to_thread(answered, value, tool.config.max_answer_bytes)
        except ToolError as error:
            return self._failed(str(error))
        except Exception as error:
            return self._failed(_failure(name, error))
        return ToolReply(content, self._fence.around(content), False)

    async def value(self, name: str, arguments: Mapping[str, Any], work: Work) -> Any:
        """Answer a call that code makes: plain values of up to `BYTES_FOR_CODE` as JSON. ToolError: no answer."""
        try:
            value = await self._answer(self._tool(name, work), arguments, work)
            content = json.loads(await asyncio.to_thread(answered, value, BYTES_FOR_CODE))
        except ToolError:
            raise
        except Exception as error:
            raise ToolError(_failure(name, error)) from error
        if "oversized" in content:
            raise ToolError(f"{name}: the answer has {content['oversized']['bytes']:,} bytes; ask for less")
        return content["result"]

    async def _answer(self, tool: Tool, arguments: Mapping[str, Any], work: Work) -> Any:
        given = validated(tool.name, tool.arguments, arguments)
        limit = asyncio.timeout(tool.config.timeout_s)
        try:
            async with limit:
                return await tool.answer(given, work)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise ToolError(
                f"{tool.name} took longer than {tool.config.timeout_s:g} s and was given up; ask for less at once"
            ) from error

    def _offered(self, work: Work) -> list[str]:
        return [name for name, tool in self._tools.items() if tool.offered(work)]

    def _tool(self, name: str, work: Work) -> Tool:
        offered = self._offered(work)
        if name in offered:
            return self._tools[name]
        near = difflib.get_close_matches(name, offered, _NEAR, cutoff=0.5)
        named = f"near are: {', '.join(near)}" if near else f"there are: {', '.join(offered)}"
        here = "is not for this agent" if name in self._tools else "is no tool"
        raise ToolError(f"{name!r} {here}; {named}")

    def _failed(self, text: str) -> ToolReply:
        content = refused(text)
        return ToolReply(content, self._fence.defused(content), True)

    @cached_property
    def _specs(self) -> dict[str, ToolSpec]:
        return {
            name: ToolSpec(name=name, description=tool.description, parameters=schema_of(tool.arguments))
            for name, tool in self._tools.items()
        }


def _failure(name: str, error: Exception) -> str:
    """What a model is told of an error that its call did not make."""
    if isinstance(error, HaloError):
        return f"{name}: {error}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    line = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    _log.error("tool_failed", tool=name, error=type(error).__name__, at=line)
    return f"{name} failed within ({type(error).__name__}); this call will fail again: ask in another way"


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
