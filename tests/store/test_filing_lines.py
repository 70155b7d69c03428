"""Whatever stands in a file: each line is used or named, and read from its index as from its message."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import PermanentError
from domain.halo_jsonl import decode_line
from domain.line_index import LineIndexer
from domain.semconv import resource_index, span_index
from domain.spans import SpanIndex
from tests.store.filing_kit import line, lines, seen

_OTLP = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {
                    "spans": [
                        {"traceId": f"{7:032x}", "spanId": f"{number:016x}", "name": "native", "startTimeUnixNano": "5"}
                        for number in range(1, 4)
                    ]
                }
            ]
        }
    ]
}


@pytest.mark.parametrize(
    ("content", "spans", "bad"),
    [
        (line(0) + b"{broken\n" + line(1), 2, 1),
        (line(0) + line(1)[:-30], 1, 1),
        (line(0) + b"   \n\r\n\n" + line(1), 2, 0),
        (lines(3).replace(b"\n", b"\r\n"), 3, 0),
        (b"\xef\xbb\xbf" + lines(3), 3, 0),
        (line(0) + json.dumps(_OTLP).encode() + b"\n", 4, 0),
        (line(0, scope=None) + line(1, parent_span_id=None) + line(2, resource=None), 3, 0),
        (line(0, status={"code": 2, "message": "x"}) + line(1, status=1) + line(2, kind=3), 3, 0),
        (line(0, status={"code": "STATUS_CODE_OK", "extra": 1}, scope={"name": "x", "extra": 1}, more=[1]), 1, 0),
        (line(0, start_time=1_700_000_000_000_000_000, end_time="1700000000000000001"), 1, 0),
        (line(0).replace(b"shop", b"sh\xffop") + line(1), 1, 1),
        (line(0, attributes={"text": "\ud83d"}) + line(1, name="\udc00"), 2, 0),
        (line(0, attributes={"llm.token_count.prompt": -5, "llm.token_count.completion": "7"}), 1, 0),
        (line(0, trace_id="not hex", span_id="abc") + line(1, trace_id="not hex", span_id=""), 1, 1),
        (lines(3) + lines(3), 6, 0),
        (line(0, start_time="2025-03-19T16:32:08+02:00", end_time="2025-03-19 14:32:09"), 1, 0),
        (line(0, events=[{"name": "exception", "attributes": {"exception.type": "E"}}], links=[]), 1, 0),
        (line(0, events="no"), 0, 1),
    ],
    ids=[
        "bad line", "cut last line", "blank lines", "crlf", "bom", "native otlp", "nulls", "numeric status",
        "extra keys", "nanoseconds", "invalid utf-8", "lone surrogates", "odd tokens", "odd ids", "duplicates",
        "offsets", "events", "events of another shape",
    ],
)  # fmt: skip
def test_every_line_is_used_or_named(content: bytes, spans: int, bad: int, tmp_path: Path) -> None:
    """What other tools write must not end a run; what cannot be used must not vanish."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    if not spans:
        path.write_bytes(line(99) + content)
    found = seen(path)

    assert (found.report.spans - (not spans), found.report.bad_lines) == (spans, bad)
    assert sum(len(spans) for *_, spans in found.traces) == found.sums["spans"]


def test_a_span_of_fifty_megabytes_is_indexed_and_read(tmp_path: Path) -> None:
    """Somebody's agent has read a film; its trace must not be the end of the others."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(line(0) + line(1, attributes={"output.value": "x" * 50_000_000}) + line(2))
    found = seen(path)

    assert (found.sums["spans"], found.report.bad_lines) == (3, 0)
    assert max(len(raw) for *_, spans in found.traces for _, raw in spans) > 100_000_000


def _expected(text: bytes) -> SpanIndex | None:
    try:
        (spans,) = decode_line(text).resource_spans
    except (PermanentError, ValueError):
        return None
    return span_index(spans.scope_spans[0].spans[0], resource_index(spans.resource), len(text))


_VALUES: list[Any] = [
    None, "", "x", 0, 1, -3, 2**70, 1.5, 7.0, True, [], ["a"], {}, {"a": 1}, "TOOL", "llm", "ERROR", "chat", "12",
    "STATUS_CODE_ERROR", 2, "SPAN_KIND_CLIENT", "f" * 16, "0" * 16, "F" * 32, "é" * 300, "2025-03-19T16:32:08Z",
    "2025-03-19T16:32:60.5Z", "2025-03-19T16:32:99.5Z", "2025-03-19T16:32:08.1234567891Z", " 025-03-19T16:32:08.5Z",
    "2025-03-19T16:32:08.+5Z", "1_000", {"code": "STATUS_CODE_ERROR"}, {"attributes": {"service.name": 5}}, "Z",
]  # fmt: skip
_KEYS = [
    "openinference.span.kind", "gen_ai.operation.name", "llm.token_count.prompt", "gen_ai.usage.input_tokens",
    "tool.name", "gen_ai.tool.name", "agent.name", "gen_ai.agent.name", "session.id", "llm.model_name",
    "gen_ai.request.model", "langfuse.observation.level", "langfuse.observation.type", "traceloop.span.kind",
    "traceloop.entity.name", "error.type", "mlflow.spanType", "gen_ai.agent.id", "ai.operationId",
]  # fmt: skip


def _mutations(chance: random.Random, count: int) -> list[bytes]:
    found = []
    for number in range(count):
        span = json.loads(line(number))
        for _ in range(chance.randrange(3)):
            span[chance.choice([*span, "events", "flags", "links"])] = chance.choice(_VALUES)
        if isinstance(span["attributes"], dict):
            said = {chance.choice(_KEYS): chance.choice(_VALUES) for _ in range(chance.randrange(6))}
            span["attributes"] = span["attributes"] | said
        found.append(json.dumps(span).encode())
    return found


def test_a_row_read_from_json_is_the_row_of_the_message() -> None:
    """Two ways to one row; should they ever differ, counts would depend on the shape of a line."""
    indexer, quick = LineIndexer(), 0
    for text in _mutations(random.Random(12), 6_000):
        row = indexer.row(text)
        quick += row is not None
        assert row is None or row == _expected(text), text

    assert quick > 1_000


@pytest.mark.parametrize("harm", [lambda text: text[:-1], lambda text: b"[" + text + b"]", lambda text: text + b"x"])
def test_a_line_that_is_no_span_has_no_row(harm: Callable[[bytes], bytes]) -> None:
    """Then the decoder is asked, which says why."""
    assert LineIndexer().row(harm(line(1).strip())) is None


def test_spans_in_many_passages_are_each_read_once(tmp_path: Path) -> None:
    """A trace whose lines are far apart in the file is whole."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b"".join(line(number % 100 * 3 + number // 100, attributes={"text": "x" * 4_000}) for number in range(300))
    )
    found = seen(path)

    assert [len(spans) for *_, spans in found.traces] == [3] * 100
