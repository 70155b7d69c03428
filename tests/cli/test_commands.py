"""Client commands against a running sidecar: what people type and scripts parse."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.sidecar import Sidecar, free_ports, wait_until
from tests.cli.running import TRACES, Halo, send


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    settings = {"store.traces.quiet": "100ms", "scheduler.poll_interval": "50ms"}
    with Sidecar(tmp_path_factory.mktemp("cli") / "data", settings) as running:
        send(running)
        yield running


@pytest.fixture(scope="module")
def halo(sidecar: Sidecar) -> Halo:
    return Halo(sidecar.api_endpoint)


@pytest.fixture(scope="module")
def agent(halo: Halo) -> dict[str, Any]:
    return dict(halo.json("agent", "ls")["items"][0])


@pytest.fixture(scope="module")
def run(halo: Halo, agent: dict[str, Any]) -> dict[str, Any]:
    """A completed run."""
    made = halo.json("run", "create", "--agent-uuid", agent["uuid"])
    return dict(halo.json("run", "poll", made["id"], "--interval", "0.1"))


def test_agents_are_listed_for_people_and_for_programs(halo: Halo, agent: dict[str, Any]) -> None:
    """The UUID in this list starts everything else."""
    lines = halo.told("agent", "list", "--time-range", "1h").splitlines()

    assert lines[0].split() == ["UUID", "NAME", "SERVICE", "TRACES", "SPANS", "LAST", "SEEN"]
    assert lines[1].split()[:5] == [agent["uuid"], "researcher", "gaia", str(TRACES), str(2 * TRACES)]
    assert set(agent) == {"uuid", "name", "service", "traces", "spans", "last_seen"}
    shown = halo.json("agent", "get", agent["uuid"][:8])
    assert {key: shown[key] for key in agent} == agent
    assert set(shown) == {*agent, "health"}


def test_an_agent_is_shown_with_how_it_is_doing(halo: Halo, agent: dict[str, Any]) -> None:
    """The first question on a bad morning, answered without waiting for an analysis."""
    wait_until(lambda: halo.json("agent", "get", agent["uuid"])["health"]["traces"] == TRACES)
    health = halo.json("agent", "get", agent["uuid"], "--last", "2h")["health"]
    told = halo.told("agent", "get", agent["uuid"])

    assert (health["spans"], health["leaf_errors"], health["alarms"]) == (2 * TRACES, TRACES, [])
    assert [(tool["tool"], tool["calls"], tool["failures"]) for tool in health["tools"]] == [("page_down", 6, 6)]
    assert "The last 1h, by the end of traces" in told
    assert "page_down      6       6  100.0% (61.0% to 100.0%)" in told
    assert "\x1b" not in told and "TypeError" in told


def test_a_run_is_created_polled_and_read(halo: Halo, agent: dict[str, Any]) -> None:
    """The quickstart, word for word."""
    created = halo("run", "create", "--agent-uuid", agent["uuid"][:8], "--prompt", "why?", "--lookback-hours", "2")
    lines = dict(line.split(None, 1) for line in created.stdout.splitlines()[1:])
    polled = halo("run", "poll", lines["run"], "--interval", "0.1")
    read = halo.told("conversation", "get", lines["conversation"])

    assert created.exit_code == 0
    assert created.stdout.startswith(f"Created run {lines['run']}\n")
    assert f"halo run poll {lines['run']}" in created.stderr
    assert polled.exit_code == 0
    assert "completed" in polled.stderr
    assert "status        completed" in polled.stdout
    assert "[1] user" in read or "[1] assistant:" in read
    assert "# page_down fails in 6 of 6 calls" in read
    assert "Accepted when" in read


def test_an_agent_is_asked_for_on_a_terminal_only(
    halo: Halo, agent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipeline that waits for an answer waits forever."""
    piped = halo("run", "create")
    assert piped.exit_code == 2
    assert "--agent-uuid: required with --json and without a terminal" in piped.stderr

    monkeypatch.setattr("cli.runs.is_interactive", lambda: True)
    assert halo("run", "create", "--json", answer="1\n").exit_code == 2
    picked = halo("run", "create", answer="1\n")
    assert picked.exit_code == 0
    assert "1  researcher" in picked.stderr
    assert agent["uuid"] in picked.stdout


def test_poll_exits_by_what_became_of_the_run(halo: Halo, agent: dict[str, Any]) -> None:
    """Scripts branch on it."""
    words = ["run", "create", "--agent-uuid", agent["uuid"], "--window-end-at", "2001-01-02T00:00:00Z"]
    empty = halo.json(*words)
    polled = halo("run", "poll", empty["id"], "--interval", "0.1", "--json")

    assert (polled.exit_code, json.loads(polled.stdout)["status"]) == (1, "no_traces")
    assert "--window-start-at and --window-end-at choose another" in polled.stderr
    assert empty["window"] == {"start": "2001-01-01T00:00:00Z", "end": "2001-01-02T00:00:00Z"}


def delivered(halo: Halo, run_id: str) -> str:
    """What `run get` tells once its report has been delivered."""
    wait_until(lambda: halo.json("run", "get", run_id)["deliveries"][0]["status"] == "delivered")
    return halo.told("run", "get", run_id)


def test_a_run_can_be_followed_and_is_found_in_lists(halo: Halo, run: dict[str, Any]) -> None:
    """Its events say what happened when."""
    events = halo.json("run", "events", run["id"][:8], "--limit", "2")
    kinds = [event["type"] for event in halo.json("run", "events", run["id"])["items"]]

    assert len(events["items"]) == 2
    assert events["next_cursor"] == "2"
    assert len(halo.json("run", "events", run["id"], "--limit", "100000")["items"]) == len(kinds)
    assert "started" in kinds
    assert kinds[-1] == "completed"
    assert "halo run create" not in halo.told("run", "ls", "--status", "completed")
    assert run["id"] in halo.told("run", "ls")
    assert "traces        6" in halo.told("run", "get", run["id"])
    assert "file: delivered, 1 attempt\n" in delivered(halo, run["id"])
    ended = halo("run", "cancel", run["id"])
    assert (ended.exit_code, "has already ended: completed" in ended.stderr) == (1, True)


def test_traces_and_spans_can_be_looked_at(halo: Halo) -> None:
    """Evidence is one command away, and what spans contain cannot drive the terminal."""
    listed = halo.json("trace", "ls", "--status", "error", "--sort", "start", "--limit", "2")
    first = listed["items"][0]
    shown = halo.told("trace", "get", first["trace_id"])
    full = halo.json("trace", "get", first["trace_id"], "--full")
    span = halo.told("span", "get", first["trace_id"], full["spans"][1]["span_id"])

    assert (len(listed["items"]), listed["next_cursor"]) == (2, "2")
    assert "There is more" in halo("trace", "ls", "--limit", "2").stderr
    assert "  page_down  tool" in shown
    assert "\x1b" not in shown + span
    assert "tool.name" in span
    assert "dialects" in span.partition("Normalised")[2].partition("Attributes")[0]
    assert "\\x1b[31m" in span
    assert full["spans"][1]["attributes"]["input.value"] == '{"page": 1}'


def test_a_report_comes_in_the_form_that_its_reader_needs(halo: Halo, run: dict[str, Any], tmp_path: Path) -> None:
    """A person, a browser, a program and a coding agent read the same report."""
    page, saved = tmp_path / "report.html", tmp_path / "report.json"
    brief = halo.told("report", "get", run["id"], "--brief")
    halo.told("report", "get", run["id"], "--format", "html", "-o", page)
    halo.told("report", "get", run["id"], "--json", "-o", saved)
    both = halo("report", "get", run["id"], "--brief", "--format", "md")

    assert brief == halo.told("report", "get", run["id"], "--format", "brief")
    assert brief.startswith("Fix this failure of the agent ")
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert json.loads(saved.read_text()) == halo.json("report", "get", run["id"])
    assert halo.told("report", "get", run["id"], "--format", "md") == halo.told("report", "get", run["id"])
    assert (both.exit_code, "choose one" in both.stderr) == (2, True)


def test_a_report_is_read_verified_and_caught_when_changed(
    halo: Halo, run: dict[str, Any], sidecar: Sidecar, tmp_path: Path
) -> None:
    """Every number can be recomputed by whoever holds the file and its evidence."""
    path, evidence = tmp_path / "report.json", tmp_path / "report.evidence.db"
    path.write_text(halo.told("report", "get", run["id"], "--json", "--evidence", evidence))
    confirmed = halo.told("verify", path)
    from_store = halo.told("verify", path, "--data-dir", sidecar.data_dir)
    path.write_text(path.read_text().replace('"leaf_errors": 6', '"leaf_errors": 7', 1))
    changed = halo("verify", path)
    as_json = halo("verify", path, "--json")
    evidence.unlink()
    without = halo("verify", path)

    unsaved = halo("report", "get", run["id"], "--evidence", tmp_path / "none" / "e.db")
    path.write_text("{}")
    empty = halo("verify", path, "--data-dir", sidecar.data_dir)

    assert (unsaved.exit_code, "e.db: cannot be written: No such file" in unsaved.stderr) == (1, True)
    assert (empty.exit_code, "a JSON object with a run_id is expected" in empty.stderr) == (1, True)
    assert from_store == confirmed.rstrip() + "; facts of 6 of 6 traces derived again from the window's bytes\n"
    assert " numbers and " in confirmed
    assert confirmed.endswith(" quotes confirmed\n")
    assert (changed.exit_code, changed.stdout) == (1, "coverage.leaf_errors: expected 6, found 7\n")
    assert json.loads(as_json.stdout) == {
        "confirmed": False,
        "mismatches": ["coverage.leaf_errors: expected 6, found 7"],
    }
    assert without.exit_code == 1
    assert "give --evidence or --data-dir" in without.stderr


def test_the_latest_report_on_disk_finds_its_evidence(halo: Halo, run: dict[str, Any], sidecar: Sidecar) -> None:
    """`latest.json` has no evidence of its own name; that of its run lies beside it."""
    latest = sidecar.data_dir / "reports" / run["agent_uuid"] / "latest.json"
    wait_until(latest.exists)

    assert " quotes confirmed" in halo.told("verify", latest)


def test_reports_and_findings_are_listed(halo: Halo, run: dict[str, Any]) -> None:
    """The latest state of all agents at a glance."""
    report = halo.json("report", "get", run["id"])

    assert report["run_id"] == run["id"]
    assert halo.told("report", "get", run["id"]).startswith("# page_down fails in 6 of 6 calls")
    assert run["report_id"] in [item["report_id"] for item in halo.json("report", "ls")["items"]]
    assert halo.json("finding", "ls")["items"][0]["title"] == report["findings"][0]["title"]
    assert "page_down" in halo.told("finding", "list")
    assert halo.json("report", "schema")["properties"]["schema_version"]["const"] == 1


def test_a_schedule_lives_from_creation_to_archive(halo: Halo, agent: dict[str, Any]) -> None:
    """Create, list, change, archive, restore: each by prefix, each for people and programs."""
    words = ["--title", "nightly", "--agent-uuid", agent["uuid"], "--frequency", "weekly", "--days-of-week", "1,0"]
    made = halo.json("schedule", "create", *words, "--hours", "3", "--minutes", "30,0", "--timezone", "Europe/Berlin")
    changed = halo.json("schedule", "update", made["id"][:8], "--hours", "4", "--enabled", "false")
    asked = halo("schedule", "archive", made["id"], answer="n\n")
    listed = halo.told("schedule", "ls")
    archived = halo.told("schedule", "archive", made["id"], "-y")

    assert made["cadence"]["days_of_week"] == [0, 1]
    assert made["next_fire_at"] is not None
    assert (changed["cadence"]["hours"], changed["cadence"]["minutes"], changed["enabled"]) == ([4], [0, 30], False)
    assert (asked.exit_code, "Archive schedule 'nightly'" in asked.stderr) == (1, True)
    assert "weekly Sun,Mon at 04:00,04:30 Europe/Berlin" in listed
    assert "state       archived" in archived
    assert halo.json("schedule", "ls")["items"] == []
    assert len(halo.json("schedule", "ls", "--include-archived")["items"]) == 1
    assert halo.json("schedule", "runs", made["id"])["items"] == []
    assert halo.json("schedule", "unarchive", made["id"])["archived"] is False
    assert halo("schedule", "update", made["id"]).exit_code == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "get", "nothing-such"], 1, "no run with id 'nothing-such'"),
        (["conversation", "get", "nothing-such"], 1, "no conversation with id"),
        (["trace", "get", "ffffffff"], 1, "no trace with id"),
        (["report", "get", "nothing-such"], 1, "no report with id"),
        (["agent", "get", "ffffffff"], 1, "no agent with id"),
        (["run", "create", "--agent-uuid", "ffffffff"], 1, "no agent with id"),
        (["run", "create", "--agent-uuid", "x", "--max-turns", "101"], 2, "--max-turns"),
        (["agent", "ls", "--time-range", "2d"], 2, "--time-range"),
        (["schedule", "create", "--title", "x"], 2, "Missing option"),
        (["trace", "ls", "--since", "yesterday"], 2, "write a duration (24h)"),
    ],
)
def test_mistakes_are_one_line_with_the_right_exit_code(halo: Halo, words: list[str], code: int, said: str) -> None:
    """1: not there; 2: mistyped. Never a traceback."""
    result = halo(*words)

    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error")]) == 1


def test_problems_of_a_schedule_are_told_all_at_once(halo: Halo, agent: dict[str, Any]) -> None:
    """One line each, exit 2."""
    words = ["--title", "x", "--agent-uuid", agent["uuid"], "--frequency", "monthly", "--minutes", "0"]
    result = halo("schedule", "create", *words, "--timezone", "Mars/Base")

    assert result.exit_code == 2
    assert [line.split(":")[1].strip() for line in result.stderr.splitlines()] == ["hours", "days_of_month", "timezone"]


def test_a_sidecar_that_is_not_there_is_one_line() -> None:
    """The first mistake everybody makes."""
    port = free_ports(1)[0]
    result = Halo(f"http://127.0.0.1:{port}")("agent", "ls")

    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: cannot reach http://127.0.0.1:{port}: is `halo serve` running? "
        "Set HALO_ENDPOINT if it listens elsewhere\n"
    )


def test_health_exits_by_readiness(halo: Halo, sidecar: Sidecar) -> None:
    """Container health checks call it."""
    endpoint = f"http://127.0.0.1:{sidecar.health_port}"

    assert halo.told("health", "--endpoint", endpoint) == "ready\n"
    assert halo.json("health", "--endpoint", endpoint) == {"status": "ready", "reasons": []}
    assert halo("health", "--endpoint", f"http://127.0.0.1:{free_ports(1)[0]}").exit_code == 1
