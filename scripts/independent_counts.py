"""Counts on recorded traces, worked out from the lines of the files alone: none of HALO's code has a part in them.

What the detectors find in the shared traces is held against these. Every count is a few lines over JSON objects, so
that a reader can follow it, and is made in another way than the product's: no facts, no index, no issuer.

    python scripts/independent_counts.py ../shared/data
"""

import gzip
import json
import lzma
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Span = dict[str, Any]
VARIANTS = ("c4", "coder", "gpt5", "v3")
_OPENERS: Mapping[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}


def spans_of(path: Path) -> list[Span]:
    """The spans of a file, a line each."""
    with _OPENERS[path.suffix](path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def failed(span: Span) -> bool:
    """Whether a span's status is ERROR."""
    return str(span["status"]["code"]).endswith("_ERROR")


def kind(span: Span) -> str:
    """The span's OpenInference kind."""
    return str(span["attributes"].get("openinference.span.kind", ""))


def leaf_errors(spans: Iterable[Span]) -> list[Span]:
    """ERROR spans that are no other ERROR span's parent."""
    errors = [span for span in spans if failed(span)]
    above = {(span["trace_id"], span["parent_span_id"]) for span in errors}
    return [span for span in errors if (span["trace_id"], span["span_id"]) not in above]


def exceptions(span: Span) -> list[str]:
    """The unqualified types of a span's recorded exceptions."""
    events = (event["attributes"] for event in span.get("events", ()) if event["name"] == "exception")
    return [str(said.get("exception.type", "")).rpartition(".")[2] for said in events]


def page_down(spans: Iterable[Span]) -> dict[str, int]:
    """Calls of `page_down`: all, failed, the traces of those, and by whether any argument was given."""
    calls = [span for span in spans if span["attributes"].get("tool.name") == "page_down"]
    given = [span for span in calls if json.loads(span["attributes"]["input.value"])["kwargs"]]
    return {
        "calls": len(calls),
        "failed": sum(map(failed, calls)),
        "traces": len({span["trace_id"] for span in calls if failed(span)}),
        "with_arguments": len(given),
        "with_arguments_failed": sum(map(failed, given)),
        "without_arguments_failed": sum(map(failed, calls)) - sum(map(failed, given)),
    }


def provider_crashes(spans: Iterable[Span]) -> Counter[str]:
    """Model calls that failed of themselves because the provider was overloaded or refused for the moment."""
    wanted = {"RateLimitError", "InternalServerError", "ServiceUnavailableError", "APIConnectionError", "Timeout"}
    models = [span for span in leaf_errors(spans) if kind(span) == "LLM"]
    return Counter(name for span in models for name in exceptions(span) if name in wanted)


def runs_without_tools(spans: Iterable[Span]) -> tuple[int, int]:
    """Runs without a TOOL span, and all runs."""
    tools: dict[str, int] = defaultdict(int)
    for span in spans:
        tools[span["trace_id"]] += kind(span) == "TOOL"
    return sum(not count for count in tools.values()), len(tools)


def denied(spans: Iterable[Span], tool: str) -> tuple[int, int]:
    """Calls of a tool that failed because nobody had granted it, and all calls."""
    calls = [span for span in spans if span["attributes"].get("tool.name") == tool]
    words = "haven't granted it yet"
    return sum(failed(span) and words in str(span["attributes"].get("output.value")) for span in calls), len(calls)


def repeated(spans: Iterable[Span], times: int) -> set[str]:
    """Traces in which one tool is called so often with the very same input."""
    calls = Counter(
        (span["trace_id"], span["attributes"].get("tool.name"), str(span["attributes"].get("input.value")))
        for span in spans
        if kind(span) == "TOOL"
    )
    return {trace_id for (trace_id, _, _), count in calls.items() if count >= times}


def outcomes(labels: Path) -> dict[str, bool]:
    """Whether the unit tests of a run passed, where anybody knows."""
    rows = json.loads(labels.read_text(encoding="utf-8"))
    return {row["trace_id"]: bool(row["is_resolved"]) for row in rows if row["is_resolved"] is not None}


def _told(traces: Path) -> Iterator[tuple[str, object]]:
    trail = spans_of(traces / "trail-dev.jsonl.xz")
    yield "TRAIL: spans, ERROR spans, leaf errors", (len(trail), sum(map(failed, trail)), len(leaf_errors(trail)))
    yield "TRAIL: page_down", page_down(trail)
    yield "TRAIL: provider crashes", dict(provider_crashes(trail))
    passed = outcomes(traces / "claude_code.labels.json")
    yield "claude_code: runs with an outcome, passed", (len(passed), sum(passed.values()))
    for variant in VARIANTS:
        spans = spans_of(traces / f"claude_code_{variant}.spans.jsonl.gz")
        yield f"{variant}: runs without tools, runs", runs_without_tools(spans)
        yield f"{variant}: WebSearch denied, calls", denied(spans, "WebSearch")
        often = repeated(spans, 3) & passed.keys()
        yield (
            f"{variant}: repeats a call 3 times (runs, failing), others (runs, failing)",
            [
                (len(runs), sum(not passed[run] for run in runs))
                for runs in (often, {span["trace_id"] for span in spans} & passed.keys() - often)
            ],
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: independent_counts.py DIRECTORY, the one that holds traces/")
    for label, count in _told(Path(sys.argv[1]) / "traces"):
        print(f"{label}: {count}")
