"""`halo traces.jsonl`: files analysed without a server."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import ERROR, Halo

HALO = Halo("http://127.0.0.1:9")


def lines(traces: int = 4, service: str = "gaia") -> list[str]:
    """Traces in which one tool fails every time, as span lines."""
    return [
        json.dumps(line)
        for number in range(traces)
        for line in (
            a_line(f"{service}-{number}", "root", "", {"openinference.span.kind": "AGENT", "agent.name": "a"}, service),
            a_line(
                f"{service}-{number}",
                "tool",
                "root",
                {"openinference.span.kind": "TOOL", "tool.name": "page_down", "input.value": '{"page": 1}'},
                service,
            ),
        )
    ]


def a_line(trace: str, span: str, parent: str, attributes: dict[str, str], service: str) -> dict[str, Any]:
    status = {"code": "STATUS_CODE_ERROR", "message": ERROR} if parent else {"code": "STATUS_CODE_OK"}
    return {
        "trace_id": trace,
        "span_id": f"{trace}-{span}",
        "parent_span_id": f"{trace}-{parent}" if parent else "",
        "name": span,
        "start_time": "2025-03-01T10:00:00.000Z",
        "end_time": "2025-03-01T10:00:02.500Z",
        "status": status,
        "resource": {"attributes": {"service.name": service}},
        "scope": {"name": "test"},
        "attributes": attributes,
    }


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    path = tmp_path / "traces.jsonl"
    path.write_text("\n".join(lines()) + "\n")
    return path


def test_a_file_becomes_a_report_on_stdout(traces: Path) -> None:
    """The shortest way from traces to a report; progress stays out of the way."""
    result = HALO(traces)

    assert result.exit_code == 0
    assert result.stdout.startswith("# page_down fails in 4 of 4 calls")
    assert "8 spans loaded" in result.stderr
    assert "\x1b" not in result.stdout


def test_its_json_is_the_report_with_the_window_of_its_traces(traces: Path) -> None:
    """Half-open, so that the last trace is in it."""
    report = HALO.json(traces)

    assert report["agent"]["service"] == "gaia"
    assert report["window"] == {"start": "2025-03-01T10:00:00Z", "end": "2025-03-01T10:00:02.500001Z"}
    assert (report["coverage"]["traces"], report["coverage"]["spans"]) == (4, 8)
    assert report["mode"] == "analysis"


def test_several_files_are_one_report_with_a_breakdown_by_agent(traces: Path, tmp_path: Path) -> None:
    """Compressed or not, one agent or several."""
    other = tmp_path / "other.jsonl.gz"
    other.write_bytes(gzip.compress("\n".join(lines(2, "shop")).encode()))
    report = HALO.json(traces, other)

    assert (report["agent"]["uuid"], report["agent"]["name"]) == ("", "2 agents")
    assert sorted((share["agent"]["service"], share["traces"]) for share in report["agents"]) == [
        ("gaia", 4),
        ("shop", 2),
    ]


def test_written_reports_can_be_verified(traces: Path, tmp_path: Path) -> None:
    """The evidence lies beside the JSON under the same name."""
    result = HALO(traces, "-o", tmp_path / "r.json", "--output", tmp_path / "r.md")

    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "r.md").read_text().startswith("# page_down fails")
    assert " quotes confirmed" in HALO.told("verify", tmp_path / "r.json")
    assert HALO(traces, "-o", tmp_path / "r.pdf").exit_code == 2
    assert HALO(traces, "-o", tmp_path / "none" / "r.md").exit_code == 1


def test_all_model_flags_are_accepted_and_no_model_wins_over_them(traces: Path) -> None:
    """A call written for the engine's command line runs unchanged."""
    flags = [
        "-p",
        "why?",
        "-m",
        "m",
        "--max-depth",
        2,
        "--max-turns",
        20,
        "--max-parallel",
        10,
        "--base-url",
        "http://x",
    ]
    more = ["--api-key", "k", "-H", "A: b", "-H", "C: d", "--temperature", 0.5, "--max-output-tokens", 10]
    rest = ["--no-parallel-tool-calls", "--refusal-retries", 1, "--reasoning-effort", "high", "--telemetry"]
    result = HALO(*flags, *more, *rest, "--no-model", traces)

    assert result.exit_code == 0
    assert result.stdout.startswith("# page_down fails")


def test_bad_lines_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    """One bad line must not cost a file, nor a bad file the terminal."""
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(["{broken \x1b[31m", *lines(), *["nonsense"] * 8]) + "\n")
    result = HALO(path, "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["coverage"]["spans"] == 8
    assert "9 of 17 lines cannot be used" in result.stderr
    assert "mixed.jsonl:1: " in result.stderr
    assert "… and 4 more" in result.stderr
    assert "\x1b" not in result.stderr


def test_the_brief_alone_is_printed_for_a_coding_agent(traces: Path) -> None:
    """`halo traces.jsonl --brief | agent` needs no further words."""
    result = HALO(traces, "--brief")
    both = HALO(traces, "--brief", "--json")

    assert result.exit_code == 0
    assert result.stdout.startswith("Fix this failure of the agent a of service gaia.\n")
    assert "Reproduce with exactly this recorded input" in result.stdout
    assert "# " not in result.stdout
    assert (both.exit_code, "choose --brief or --json" in both.stderr) == (2, True)


def test_a_page_is_written_where_the_name_ends_in_html(traces: Path, tmp_path: Path) -> None:
    """One file that can be mailed."""
    path = tmp_path / "report.html"
    result = HALO(traces, "-o", path)

    assert (result.exit_code, result.stdout) == (0, "")
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert "page_down fails in 4 of 4 calls" in path.read_text()


@pytest.mark.parametrize(
    ("name", "content"), [("empty.jsonl", ""), ("bad.jsonl", "nonsense\n"), ("absent.jsonl", None)]
)
def test_files_with_nothing_left_are_one_line_and_exit_1(tmp_path: Path, name: str, content: str | None) -> None:
    """Neither silence nor a traceback."""
    if content is not None:
        (tmp_path / name).write_text(content)
    result = HALO(tmp_path / name)

    assert result.exit_code == 1
    assert [line for line in result.stderr.splitlines() if name in line and line.startswith("Error: ")]
    assert result.stdout == ""


def test_a_real_capture_is_analysed_within_its_own_ids(shared_data: Path) -> None:
    """Ids that are no OTLP ids, several services in a trace."""
    report = HALO.json(shared_data / "traces" / "halo" / "medium_traces.jsonl.gz")

    assert (report["coverage"]["traces"], report["coverage"]["spans"]) == (500, 2000)
