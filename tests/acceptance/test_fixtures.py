"""HALO's own fixture traces offline: errors exactly, and no finding where nothing was recorded."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def medium(shared_data: Path) -> Path:
    return shared_data / "traces" / "halo" / "medium_traces.jsonl.gz"


def halo(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def analyse(path: Path) -> dict[str, Any]:
    result = halo(path, "--json")
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_errors_are_counted_once_and_unrecorded_content_is_no_finding(medium: Path) -> None:
    """Traces cross four services, ids are not hexadecimal, no content is recorded."""
    report = analyse(medium)
    errors = {
        finding["queries"][0]["args"].get("template"): finding["counts"]["affected_spans"]
        for finding in report["findings"]
        if finding["detector"] == "error_signatures"
    }

    assert errors["boom"] == 43
    assert errors["rate limited"] == 86
    assert not [finding for finding in report["findings"] if finding["detector"] == "empty_output"]
    assert "empty_output" in [each["detector"] for each in report["coverage"]["not_observable"]]
    assert report["coverage"]["traces"] == 500
    assert report["coverage"]["spans"] == 2000


def test_three_planted_empty_outputs_are_found_exactly(medium: Path, tmp_path: Path) -> None:
    """The gate must open when content is recorded."""
    planted = tmp_path / "planted.jsonl"
    with gzip.open(medium, "rt") as lines, planted.open("w") as out:
        llm = 0
        for line in lines:
            span = json.loads(line)
            if span["attributes"]["openinference.span.kind"] == "LLM":
                llm += span["status"]["code"] != "STATUS_CODE_ERROR"
                span["attributes"]["llm.output_messages.0.message.role"] = "assistant"
                failed = span["status"]["code"] == "STATUS_CODE_ERROR"
                text = "" if llm in (100, 700, 1300) and not failed else "fine"
                span["attributes"]["llm.output_messages.0.message.content"] = text
            out.write(json.dumps(span) + "\n")
    planted_count = sum(
        json.loads(line)["attributes"].get("llm.output_messages.0.message.content") == ""
        for line in planted.read_text().splitlines()
    )
    report = analyse(planted)
    found = [finding for finding in report["findings"] if finding["detector"] == "empty_output"]

    assert planted_count == 3
    assert sum(finding["counts"]["affected_spans"] for finding in found) == 3


def test_malformed_lines_are_named_and_the_rest_is_analysed(medium: Path, tmp_path: Path) -> None:
    """One bad line must not cost a whole file."""
    broken = tmp_path / "broken.jsonl"
    with gzip.open(medium, "rt") as lines:
        good = [next(lines) for _ in range(40)]
    broken.write_text("".join([*good[:10], "{not json\n", *good[10:], '{"trace_id": "only"}\n']))
    result = halo(broken, "--json", "-p", "why?")

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["coverage"]["spans"] == 40
    assert "broken.jsonl:11" in result.stderr
    assert "broken.jsonl:42" in result.stderr
    assert "no model can be asked" in result.stderr


def test_a_file_with_nothing_left_is_an_error_of_one_line(tmp_path: Path) -> None:
    """Silence or a traceback would both be wrong."""
    empty = tmp_path / "empty.jsonl"
    empty.write_text("nonsense\n")
    result = halo(empty)

    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "empty.jsonl" in result.stderr
