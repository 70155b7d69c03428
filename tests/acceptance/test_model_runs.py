"""Runs of a real sidecar with a model: asked, followed, questioned further, and left alone where there is none."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.llm.scripted import HttpError, Reply, ScriptedServer, ToolCall
from tests.acceptance.sidecar import Sidecar, wait_until
from tests.cli.running import send

KEY = "key-that-nobody-may-see"


class Scripted:
    """A model that looks, then answers; what it answers can be changed between runs."""

    def __init__(self) -> None:
        self.answer = "The tool page_down is called with an argument that it does not take."
        self.status = 200
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, request: dict[str, Any]) -> Reply:
        """Look first, unless a tool has answered already."""
        self.may_answer.wait(60)
        if self.status != 200:
            return Reply(error=HttpError(self.status, {"error": {"message": "no"}}))
        if not any(message["role"] == "tool" for message in request["messages"]):
            return Reply(tool_calls=[ToolCall("get_findings", "{}")])
        return Reply(tool_calls=[ToolCall("final_answer", json.dumps({"answer": self.answer}))])


@pytest.fixture(scope="module")
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture(scope="module")
def server(scripted: Scripted) -> Iterator[ScriptedServer]:
    with ScriptedServer(scripted) as server:
        yield server


@pytest.fixture(scope="module")
def sidecar(server: ScriptedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    settings = {
        "engine.model": "scripted",
        "engine.base_url": server.base_url,
        "engine.api_key": "${env:TEST_MODEL_KEY}",
        "store.traces.quiet": "0s",
    }
    directory = tmp_path_factory.mktemp("sidecar") / "data"
    with Sidecar(directory, settings, {"TEST_MODEL_KEY": KEY, "NO_PROXY": "127.0.0.1"}) as sidecar:
        send(sidecar)
        yield sidecar


def agent(sidecar: Sidecar) -> str:
    return str(sidecar.items("/api/v1/agents")[0]["uuid"])


def files_with(directory: Path, text: str) -> list[str]:
    return [str(path) for path in directory.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_run_asks_the_model_and_its_report_has_the_answer(sidecar: Sidecar, server: ScriptedServer) -> None:
    """With a model configured, `run create` uses it; the key is nowhere but in the request."""
    asked = len(server.requests)
    run = sidecar.run(agent(sidecar), prompt="Why does page_down fail?")
    report = sidecar.get(f"/api/v1/reports/{run['id']}")
    events = sidecar.items(f"/api/v1/runs/{run['id']}/events")

    assert (run["status"], run["error"]) == ("completed", None)
    assert report["mode"] == "model"
    assert "called with an argument" in report["inquiry"]["answer_md"]
    assert report["findings"][0]["title"].startswith("page_down fails")
    assert report["spend"]["requests"] == len(server.requests) - asked == 2
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    kinds = [event["type"] for event in events]
    assert kinds[:4] == ["queued", "started", "window_selected", "model_asked"]
    assert kinds.count("agent_step") >= 3
    assert kinds[-1] == "completed"
    assert files_with(sidecar.data_dir, KEY) == []
    assert KEY not in sidecar.log_path.read_text()


def test_its_question_and_its_report_stand_in_the_conversation_and_are_verified(sidecar: Sidecar) -> None:
    """The first assistant message is the report, as ever."""
    run = sidecar.run(agent(sidecar), prompt="Why?")
    messages = sidecar.get(f"/api/v1/conversations/{run['conversation_id']}")["messages"]
    path = sidecar.data_dir / "reports" / run["agent_uuid"] / f"{run['id']}.json"

    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["content"].startswith("# ")
    assert "called with an argument" in messages[1]["content"]
    report = sidecar.data_dir / "again.json"
    report.write_text(json.dumps(sidecar.get(f"/api/v1/reports/{run['id']}")))
    verified = sidecar.halo("verify", str(report), "--data-dir", str(sidecar.data_dir))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert path.parent.is_dir()


def test_a_question_about_a_report_is_answered_in_its_conversation(sidecar: Sidecar, scripted: Scripted) -> None:
    """Looking further is a matter of asking."""
    run = sidecar.run(agent(sidecar))
    scripted.answer = "Since the prompt tells the model to page."
    asked = sidecar.halo("conversation", "ask", run["conversation_id"], "Since when, and why?")
    found = sidecar.get(f"/api/v1/conversations/{run['conversation_id']}")
    latest = sidecar.get(f"/api/v1/runs/{found['runs'][-1]['id']}")

    assert asked.returncode == 0, asked.stderr
    assert "Since the prompt tells the model to page." in asked.stdout
    assert [message["role"] for message in found["messages"]] == ["assistant", "user", "assistant"]
    assert (latest["origin"], latest["window"]) == ("follow_up", run["window"])


def test_no_model_is_asked_where_that_is_said(sidecar: Sidecar, server: ScriptedServer) -> None:
    """The analysis alone is free."""
    asked = len(server.requests)
    run = sidecar.run(agent(sidecar), no_model=True)

    assert run["status"] == "completed"
    assert sidecar.get(f"/api/v1/reports/{run['id']}")["mode"] == "analysis"
    assert len(server.requests) == asked


def test_a_model_that_cannot_be_asked_costs_no_report(sidecar: Sidecar, scripted: Scripted) -> None:
    """What is known without it is told, as incomplete."""
    scripted.status = 401
    try:
        run = sidecar.run(agent(sidecar))
    finally:
        scripted.status = 200
    report = sidecar.get(f"/api/v1/reports/{run['id']}")
    polled = sidecar.halo("run", "poll", run["id"])

    assert run["status"] == "incomplete"
    assert "401" in run["error"]
    assert report["findings"]
    assert polled.returncode == 3


def test_a_run_is_cancelled_while_its_model_thinks(
    sidecar: Sidecar, scripted: Scripted, server: ScriptedServer
) -> None:
    """Whoever has seen enough need not pay on."""
    asked = len(server.requests)
    scripted.may_answer.clear()
    try:
        run = sidecar.post("/api/v1/runs", {"agent_uuid": agent(sidecar)})
        wait_until(lambda: len(server.requests) > asked)
        cancelled = sidecar.halo("run", "cancel", run["id"])
        wait_until(lambda: sidecar.get(f"/api/v1/runs/{run['id']}")["status"] == "cancelled")
    finally:
        scripted.may_answer.set()

    assert cancelled.returncode == 0
    assert sidecar.get(f"/api/v1/runs/{run['id']}")["report_id"] is None


def test_a_run_can_be_made_again_and_followed(sidecar: Sidecar) -> None:
    """The same window, the same options."""
    run = sidecar.run(agent(sidecar), prompt="Why?", max_turns=7)
    retried = sidecar.halo("run", "retry", run["id"], "--json")
    again = json.loads(retried.stdout)
    followed = sidecar.halo("run", "events", again["id"], "--follow")

    assert retried.returncode == 0
    assert (again["window"], again["options"]) == (run["window"], run["options"])
    assert again["conversation_id"] != run["conversation_id"]
    assert followed.returncode == 0
    assert "agent_step" in followed.stdout
    assert followed.stdout.splitlines()[-1].split()[3] == "completed"


def test_the_configuration_is_shown_without_the_key(sidecar: Sidecar) -> None:
    """`halo print-config` is pasted into issues."""
    shown = sidecar.halo("print-config", "--set", f"engine.api_key={KEY}", "--set", "engine.model=m")

    assert shown.returncode == 0
    assert "model: m" in shown.stdout
    assert KEY not in shown.stdout + shown.stderr


def test_without_a_model_a_question_says_what_to_configure(tmp_path: Path) -> None:
    """It works without one; what does not, says so."""
    with Sidecar(
        tmp_path / "data", {"store.traces.quiet": "0s"}, {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}
    ) as plain:
        send(plain)
        run = plain.run(agent(plain))
        asked = plain.halo("conversation", "ask", run["conversation_id"], "Why?")
        wanted = plain.halo("run", "create", "--agent-uuid", agent(plain), "--model-id", "gpt-5")

    assert run["status"] == "completed"
    assert asked.returncode != 0
    assert "engine.model" in asked.stderr
    assert wanted.returncode != 0
    assert "OPENAI_API_KEY" in wanted.stderr


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_run_whose_process_is_killed_goes_on_where_it_was_and_makes_one_report(tmp_path: Path) -> None:
    """Model calls are paid for once, and a team is told once."""

    def patient(request: dict[str, Any]) -> Reply:
        answered = sum(message["role"] == "tool" for message in request["messages"])
        if answered < 8:
            arguments = json.dumps({"limit": answered + 1})
            return Reply(tool_calls=[ToolCall("query_traces", arguments)], delay_s=0.1)
        return Reply(tool_calls=[ToolCall("final_answer", json.dumps({"answer": "It is the tool."}))])

    with ScriptedServer(patient) as server:
        settings = {"engine.model": "m", "engine.base_url": server.base_url, "store.traces.quiet": "0s"}
        with Sidecar(tmp_path / "data", settings, {"NO_PROXY": "127.0.0.1", "OPENAI_API_KEY": "k"}) as sidecar:
            send(sidecar)
            run = sidecar.post("/api/v1/runs", {"agent_uuid": agent(sidecar)})
            wait_until(lambda: len(server.requests) >= 4, pause_s=0.02)
            assert sidecar.process is not None
            for child in children_of(sidecar.process.pid):
                os.kill(child, signal.SIGKILL)
            before = len(server.requests)
            place = f"/api/v1/runs/{run['id']}"
            ended = wait_until(lambda: seen if (seen := sidecar.get(place))["finished_at"] else None)
            reports = sidecar.items("/api/v1/reports")
            kinds = [event["type"] for event in sidecar.items(f"/api/v1/runs/{run['id']}/events")]

    again = [len(request.body["messages"]) for request in server.requests[before:]]
    assert (ended["status"], ended["attempt"], len(reports)) == ("completed", 2, 1)
    assert kinds.count("crashed") == 1
    assert min(again) > 4, "the second attempt begins with what the first had found"
    assert len(server.requests) <= 11
    assert not list((tmp_path / "data" / "checkpoints").glob("*"))
