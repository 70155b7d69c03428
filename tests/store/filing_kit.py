"""Span lines, files of them, and what a window of files says of itself."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from store.backends.sqlite import load_files
from store.base import Selection, WindowReader
from store.loading import LoadReport

FOREVER = Selection(0, 2**63 - 1)


def line(number: int, **changes: object) -> bytes:
    """The span line of a number; three of them make a trace."""
    span = {
        "trace_id": f"{number // 3 + 1:032x}",
        "span_id": f"{number + 1:016x}",
        "parent_span_id": "" if number % 3 == 0 else f"{number - number % 3 + 1:016x}",
        "name": f"span {number % 7}",
        "kind": "SPAN_KIND_INTERNAL",
        "start_time": f"2025-03-19T16:32:{number % 60:02}.5Z",
        "end_time": "2025-03-19T16:33:08.123456789Z",
        "status": {"code": "STATUS_CODE_ERROR", "message": "boom"} if number % 5 == 0 else {"code": "STATUS_CODE_OK"},
        "resource": {"attributes": {"service.name": "shop"}},
        "scope": {"name": "lib"},
        "attributes": {"openinference.span.kind": "LLM" if number % 3 else "AGENT", "llm.token_count.prompt": number},
    }
    return json.dumps({**span, **changes}).encode() + b"\n"


def lines(count: int, first: int = 0) -> bytes:
    """So many span lines."""
    return b"".join(line(number) for number in range(first, first + count))


class Seen(NamedTuple):
    """All that a window of files says: its sums, its traces with their spans' bytes, and the report."""

    sums: dict[str, int]
    traces: list[tuple[Any, ...]]
    report: LoadReport


def contents(reader: WindowReader) -> list[tuple[Any, ...]]:
    """Every trace with its sums and its spans, whatever numbers a window gives them."""
    return sorted(
        (trace.summary.trace_id, str(trace.summary), [(span.span_id, span.raw.hex()) for span in trace.spans])
        for trace in reader.read(reader.keys(FOREVER))
    )


def seen(*paths: Path, index_dir: Path | None = None) -> Seen:
    """Load files and read everything."""
    report = LoadReport()
    with load_files(paths, index_dir=index_dir, report=report) as reader:
        sums = {name: count for name, count in reader.sums().items() if not name.endswith("_bytes")}
        return Seen(sums, contents(reader), report)


def windows(directory: Path) -> list[Path]:
    """The windows kept below a directory, by number."""
    return sorted(found.parent for found in directory.rglob("window.db"))
