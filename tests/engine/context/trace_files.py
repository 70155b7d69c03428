"""Traces with content for a window: an agent, its model and its tools, in HALO's lines."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.opening import window_of_files
from engine.window import TraceWindow

KIND = "openinference.span.kind"


def _line(trace: str, number: int, kind: str, attributes: dict[str, Any], error: str) -> dict[str, Any]:
    return {
        "trace_id": trace,
        "span_id": f"{trace}-{number}",
        "parent_span_id": f"{trace}-0" if number else "",
        "name": f"{kind.lower()} {number}",
        "kind": "SPAN_KIND_INTERNAL",
        "start_time": f"2026-01-01T00:00:{number % 60:02d}.{number // 60:03d}Z",
        "end_time": "2026-01-01T00:01:10.000Z",
        "status": {"code": "STATUS_CODE_ERROR" if error else "STATUS_CODE_OK", "message": error},
        "resource": {"attributes": {"service.name": "shop"}},
        "scope": {"name": "s", "version": ""},
        "attributes": {KIND: kind, **attributes},
    }


def trace(name: str, *, tools: int = 1, answer: str = "42 apples", error: str = "") -> list[dict[str, Any]]:
    """An agent that asks its model once and then calls tools, the last of which may fail."""
    lines = [
        _line(name, 0, "AGENT", {"input.value": f"question of {name}", "output.value": answer}, ""),
        _line(
            name,
            1,
            "LLM",
            {
                "llm.model_name": "model-1",
                "llm.token_count.prompt": 70,
                "llm.token_count.completion": 7,
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": "how many apples?",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.content": answer,
            },
            "",
        ),
    ]
    for number in range(2, 2 + tools):
        said = {"tool.name": "lookup", "input.value": '{"item": "apples"}', "output.value": answer}
        lines.append(_line(name, number, "TOOL", said, error if number == 1 + tools else ""))
    return lines


@contextmanager
def window_of(directory: Path, *traces: list[dict[str, Any]]) -> Iterator[TraceWindow]:
    """A window of these traces."""
    path = directory / "content.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for lines in traces for line in lines))
    with window_of_files([path], None) as opened:
        yield opened
