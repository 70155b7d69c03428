"""Real research-agent traces through stock exporters into a real sidecar, analysed, verified, rolled away.

The expected counts were worked out from the file alone: `page_down` fails in 63 of its 64 calls, in 13
traces; 207 ERROR spans of which 116 have no ERROR child; input tokens summed over LLM spans (6,225,039)
and, wrongly, over all spans that carry a count (11,165,054).
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import ReadableSpan

from tests.acceptance.replaying import export_all, read_lines, to_sdk_span
from tests.acceptance.sidecar import Sidecar, wait_until

WINDOW = {"window_start_at": "2025-01-01T00:00:00Z", "window_end_at": "2025-12-31T00:00:00Z"}
SETTINGS = {"store.traces.quiet": "1s", "store.retention.max_age": "3650d"}
PAGE_SLACK_BYTES = 64 * 1024


@pytest.fixture(scope="module")
def spans(shared_data: Path) -> list[ReadableSpan]:
    return [to_sdk_span(line) for line in read_lines(shared_data / "traces" / "trail-dev.jsonl.xz")]


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with Sidecar(tmp_path_factory.mktemp("trail") / "data", SETTINGS) as running:
        yield running


def send_grpc(sidecar: Sidecar, spans: list[ReadableSpan]) -> None:
    exporter = GrpcExporter(endpoint=sidecar.grpc_endpoint, insecure=True, timeout=60)
    export_all(exporter, spans, 64)
    exporter.shutdown()


def send_http(sidecar: Sidecar, spans: list[ReadableSpan]) -> None:
    exporter = HttpExporter(endpoint=sidecar.http_endpoint, timeout=60)
    export_all(exporter, spans, 100)
    exporter.shutdown()


def metric(sidecar: Sidecar, name: str) -> float:
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{sidecar.health_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition(" ")[0].partition("{")[0] == name)


def agents(sidecar: Sidecar) -> dict[str, tuple[int, int]]:
    return {agent["service"]: (agent["traces"], agent["spans"]) for agent in sidecar.items("/api/v1/agents")}


def settled_bytes(sidecar: Sidecar) -> int:
    """Size of the data directory once everything is folded and the log is empty."""

    def size_when_quiet() -> int:
        if metric(sidecar, "halo_store_hot_bytes"):
            return 0
        sizes = {path.name: path.stat().st_size for path in sidecar.data_dir.rglob("*") if path.is_file()}
        logs = sum(size for name, size in sizes.items() if name.endswith("-wal"))
        return 0 if logs > PAGE_SLACK_BYTES else sum(sizes.values())

    return int(wait_until(size_when_quiet, 60))


def summed(traces: list[dict[str, Any]], key: str) -> int:
    return sum(trace[key] for trace in traces)


def test_repetitions_over_other_transports_and_a_restart_change_nothing(
    sidecar: Sidecar, spans: list[ReadableSpan]
) -> None:
    """Exporters resend; a window that counted twice would lie in every report."""
    received = sum(len(encode_spans(spans[at : at + 64]).SerializeToString()) for at in range(0, len(spans), 64))

    send_grpc(sidecar, spans)
    wait_until(lambda: sum(count for _, count in agents(sidecar).values()) == len(spans))
    first_agents, first_bytes = agents(sidecar), settled_bytes(sidecar)
    first_traces = sidecar.items("/api/v1/traces?limit=500")
    send_http(sidecar, spans)
    again_bytes = settled_bytes(sidecar)
    assert sidecar.stop() == 0
    sidecar.start()
    send_grpc(sidecar, spans)
    send_http(sidecar, spans)
    last_bytes = settled_bytes(sidecar)

    assert len(first_agents) == 4
    assert sum(count for count, _ in first_agents.values()) == 74
    assert summed(first_traces, "error_spans") == 207
    assert summed(first_traces, "leaf_errors") == 116
    assert summed(first_traces, "input_tokens") == 6_225_039
    assert agents(sidecar) == first_agents
    assert sidecar.items("/api/v1/traces?limit=500") == first_traces
    print(f"received {received} bytes, directory {first_bytes} ({first_bytes / received:.2%}), then {last_bytes}")
    assert first_bytes <= 0.05 * received
    assert abs(again_bytes - first_bytes) <= PAGE_SLACK_BYTES
    assert abs(last_bytes - first_bytes) <= PAGE_SLACK_BYTES


@pytest.fixture(scope="module")
def reports(sidecar: Sidecar, spans: list[ReadableSpan]) -> dict[str, dict[str, Any]]:
    """The report of each agent over an explicit window, by service."""
    send_grpc(sidecar, spans)
    found = {}
    for agent in sidecar.items("/api/v1/agents"):
        run = sidecar.run(agent["uuid"], **WINDOW)
        assert run["status"] == "completed", run
        found[agent["service"]] = sidecar.get(f"/api/v1/reports/{run['id']}")
    return found


def test_page_down_is_named_with_its_exact_counts_and_argument_split(reports: dict[str, dict[str, Any]]) -> None:
    """The one line that explains most of these failures: a tool without arguments that is always given some."""
    report = reports["gaia-annotation-samples/app:GAIA-Samples"]
    about = [finding for finding in report["findings"] if "page_down" in finding["title"]]

    assert len(about) == 1
    counts = about[0]["counts"]
    assert (counts["affected_spans"], counts["opportunities"], counts["affected_traces"]) == (63, 64, 13)
    splits = {split["value"]: (split["affected"], split["opportunities"]) for split in about[0]["splits"]}
    with_keys = [count for value, count in splits.items() if value != "[]"]
    assert with_keys and all(affected == opportunities for affected, opportunities in with_keys)
    assert splits["[]"] == (0, 1)


def test_the_four_agents_together_have_the_errors_and_tokens_of_the_file(reports: dict[str, dict[str, Any]]) -> None:
    """Wrappers re-raise errors and repeat token sums; counting those would nearly double both."""
    coverage = [report["coverage"] for report in reports.values()]

    assert len(coverage) == 4
    assert sum(each["error_spans"] for each in coverage) == 207
    assert sum(each["leaf_errors"] for each in coverage) == 116
    assert sum(each["input_tokens"] for each in coverage) == 6_225_039
    assert sum(each["excluded_traces"] for each in coverage) == 0


def numeric_leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], float]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numeric_leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from numeric_leaves(item, (*path, index))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


def changed(report: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(report))
    owner = copy
    for step in path[:-1]:
        owner = owner[step]
    owner[path[-1]] = value
    return dict(copy)


def dotted(path: tuple[Any, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def test_every_number_is_confirmed_and_every_changed_digit_is_named(
    sidecar: Sidecar, reports: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """A report whose numbers cannot be caught lying is an opinion."""
    for service, report in reports.items():
        path = tmp_path / f"{report['run_id']}.json"
        path.write_text(json.dumps(report))
        result = sidecar.halo("verify", str(path), "--data-dir", str(sidecar.data_dir))
        assert result.returncode == 0, f"{service}: {result.stdout}{result.stderr}"
    report = min(reports.values(), key=lambda each: len(each["findings"]) or 1_000)
    leaves = [("coverage", *path) for path, _ in numeric_leaves(report["coverage"])]
    for index, finding in enumerate(report["findings"][:2]):
        for part in ("counts", "splits", "waste"):
            leaves += [("findings", index, part, *path) for path, _ in numeric_leaves(finding[part])]
        leaves += [("findings", index, "evidence", at, "quote") for at in range(len(finding["evidence"]))]
    assert len(leaves) > 20
    path = tmp_path / "changed.json"
    for leaf in leaves[:: max(1, len(leaves) // 12)]:
        value: Any = report
        for step in leaf:
            value = value[step]
        other = value + "x" if isinstance(value, str) else value + 1 if isinstance(value, int) else value + 0.1
        path.write_text(json.dumps(changed(report, leaf, other)))
        result = sidecar.halo("verify", str(path), "--data-dir", str(sidecar.data_dir))
        assert result.returncode == 1, f"{dotted(leaf)} was changed and nobody noticed"
        assert dotted(leaf) in result.stdout + result.stderr


def test_a_report_is_still_confirmed_after_the_window_has_rolled_past_it(
    sidecar: Sidecar, reports: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """Evidence that rots within the window's length would be worthless to whoever reads the report on Monday."""
    assert sidecar.stop() == 0
    sidecar.settings["store.retention.max_spans"] = 1
    sidecar.start()
    wait_until(lambda: sum(count for _, count in agents(sidecar).values()) <= 100, 60)
    with closing(sqlite3.connect(f"file:{sidecar.data_dir}/window.db?mode=ro", uri=True)) as window:
        left = window.execute("SELECT count(*) FROM spans").fetchone()[0]
    print(f"{left} spans left of 2024")
    for service, report in reports.items():
        path = tmp_path / f"{report['run_id']}.json"
        path.write_text(json.dumps(report))
        result = sidecar.halo("verify", str(path), "--data-dir", str(sidecar.data_dir))
        assert result.returncode == 0, f"{service}: {result.stdout}{result.stderr}"
