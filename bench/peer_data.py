"""Span lines as HALO engines read them: support conversations of 10 to 30 spans, 1 to 4 KB each; one seed, one file."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.corpus import vocabulary

_MODELS = ("gpt-5.4-mini", "gpt-5.4", "claude-sonnet-4-5")
_TOOLS = ("search_orders", "get_customer", "refund_order", "send_email", "lookup_policy")
_ERRORS = ("upstream timed out after 30 s", "order not found: 4711", "rate limit exceeded, retry in 20 s")
_START = datetime(2026, 3, 2, 8, tzinfo=UTC)
RARE = "zweiundvierzig"
"""A word that about one span in ten thousand holds."""


class _Writer:
    """Makes one trace after the other."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._words, self._weights = vocabulary(self.chance)
        self._clock = _START

    def _text(self, characters: int) -> str:
        words = self.chance.choices(self._words, cum_weights=self._weights, k=max(characters // 6, 1))
        if self.chance.random() < 1e-4:
            words[-1] = RARE
        return " ".join(words)

    def trace(self) -> list[dict[str, Any]]:
        """The spans of one trace, root first."""
        trace_id = f"{self.chance.getrandbits(128):032x}"
        agent = f"support-{self.chance.randrange(4)}"
        root = ""
        spans = []
        for number in range(self.chance.randint(10, 30)):
            span = self._span(trace_id, root, number, agent)
            root = root or span["span_id"]
            spans.append(span)
        spans[0]["end_time"] = spans[-1]["end_time"]
        return spans

    def _span(self, trace_id: str, root: str, number: int, agent: str) -> dict[str, Any]:
        kind = "AGENT" if number == 0 else "LLM" if number % 2 else "TOOL"
        failed = kind == "TOOL" and self.chance.random() < 0.06
        begin = self._clock
        self._clock += timedelta(milliseconds=self.chance.randint(20, 1_500))
        attributes: dict[str, Any] = {
            "openinference.span.kind": kind,
            "inference.project_id": "bench",
            "inference.agent_name": agent,
            "agent.name": agent,
            "session.id": f"session-{trace_id[:6]}",
            "input.value": self._text(self.chance.randint(250, 1_250)),
            "output.value": self._text(self.chance.randint(150, 950)),
        }
        name = "support agent"
        if kind == "LLM":
            name = "chat"
            attributes |= self._model_call()
        elif kind == "TOOL":
            name = self.chance.choice(_TOOLS)
            attributes |= {"tool.name": name, "tool.parameters": json.dumps({"query": self._text(60), "limit": 5})}
        return {
            "trace_id": trace_id,
            "span_id": f"{self.chance.getrandbits(64):016x}",
            "parent_span_id": root,
            "trace_state": "",
            "name": name,
            "kind": "SPAN_KIND_CLIENT" if kind == "LLM" else "SPAN_KIND_INTERNAL",
            "start_time": _time(begin),
            "end_time": _time(self._clock),
            "status": {
                "code": "STATUS_CODE_ERROR" if failed else "STATUS_CODE_OK",
                "message": self.chance.choice(_ERRORS) if failed else "",
            },
            "resource": {"attributes": {"service.name": "support", "service.version": "1.4.2", "host.name": "node-7"}},
            "scope": {"name": "openinference.instrumentation.openai", "version": "0.1.30"},
            "attributes": attributes,
        }

    def _model_call(self) -> dict[str, Any]:
        model, tokens = self.chance.choice(_MODELS), (self.chance.randint(200, 4_000), self.chance.randint(10, 900))
        return {
            "llm.model_name": model,
            "inference.llm.model_name": model,
            "llm.provider": "openai",
            "llm.token_count.prompt": tokens[0],
            "llm.token_count.completion": tokens[1],
            "inference.llm.input_tokens": tokens[0],
            "inference.llm.output_tokens": tokens[1],
            "llm.invocation_parameters": json.dumps({"temperature": 0.2, "max_tokens": 1_024}),
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": self._text(150),
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": self._text(200),
        }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def lines(spans: int, seed: int = 5) -> Iterator[bytes]:
    """So many span lines, each with its line end."""
    writer, left = _Writer(seed), spans
    while left:
        for span in writer.trace()[:left]:
            yield json.dumps(span, separators=(",", ":")).encode() + b"\n"
            left -= 1


def write(path: Path, spans: int, seed: int = 5) -> None:
    """The same file each time; written beside and renamed, so that it is there whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.writelines(lines(spans, seed))
    part.rename(path)
