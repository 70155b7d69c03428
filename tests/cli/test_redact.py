"""`halo redact`: what the rules would take, told without telling it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import halo as command
from domain.halo_jsonl import decode_line

KEY = "sk-proj-" + "a1B2" * 8


def halo(*words: str) -> Result:
    return CliRunner().invoke(command, words, env={"COLUMNS": "200"})


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Three spans: a key in one, a key and a password in another."""
    lines = []
    for number, said in enumerate(
        ({"a": f"use {KEY}"}, {"b": f"{KEY} and {KEY}", "password": "hunter2"}, {"c": "fine"})
    ):
        lines.append(
            {
                "trace_id": f"{number + 1:032x}",
                "span_id": f"{number + 1:016x}",
                "parent_span_id": "",
                "name": f"call {number}",
                "kind": "SPAN_KIND_INTERNAL",
                "start_time": "2026-01-01T00:00:00Z",
                "end_time": "2026-01-01T00:00:01Z",
                "status": {"code": "STATUS_CODE_OK", "message": ""},
                "resource": {"attributes": {"service.name": "s"}},
                "scope": {"name": "x", "version": ""},
                "attributes": said,
            }
        )
    file = tmp_path / "traces.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_it_tells_rules_and_places_and_no_values(traces: Path) -> None:
    """A dry run that printed what it found would be the leak itself."""
    done = halo("redact", str(traces))

    assert done.exit_code == 0, done.output
    assert [line.split()[:3] for line in done.output.splitlines()[1:3]] == [
        ["openai_key", "3", "2"],
        ["secret_key", "1", "1"],
    ]
    assert "call 0 in trace 00000000000000000000000000000001" in done.output
    assert "2 of 3 items would be changed." in done.output
    assert KEY not in done.output
    assert "hunter2" not in done.output


def test_the_rules_are_those_of_the_configuration(traces: Path, tmp_path: Path) -> None:
    """What is tried is what will run."""
    file = tmp_path / "halo.yaml"
    file.write_text("processors: {redact/mine: {secrets: false, deny: [c]}}")
    done = halo("redact", str(traces), "--config", str(file), "--json")

    assert json.loads(done.output)["rules"][0]["rule"] == "deny"
    assert json.loads(done.output)["affected"] == 1


def test_what_is_left_can_be_written_and_looked_at(traces: Path, tmp_path: Path) -> None:
    """Whoever shares a trace file may want to share this one instead."""
    out = tmp_path / "left.jsonl"
    done = halo("redact", str(traces), "-o", str(out))
    spans = [
        span
        for line in out.read_bytes().splitlines()
        for resource in decode_line(line).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]

    assert done.exit_code == 0
    assert [span.name for span in spans] == ["call 0", "call 1", "call 2"]
    assert spans[0].attributes[0].value.string_value == "use [REDACTED:openai_key]"
    assert KEY not in out.read_text()


def test_nothing_found_is_said(traces: Path) -> None:
    """An empty table would leave the question open."""
    done = halo("redact", str(traces), "--set", "processors.redact.secrets=false")

    assert "No rule found anything." in done.output
    assert "0 of 3 items would be changed." in done.output


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """As everywhere."""
    done = halo("redact", str(tmp_path / "nothing.jsonl"))

    assert done.exit_code in (1, 2)
    assert len(done.output.strip().splitlines()) == 1
