"""A question to a model in a real terminal: the live tree, the report, and the same through a pipe."""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.llm.scripted import Reply, ScriptedServer, ToolCall
from rendering.escaping import display_width
from tests.acceptance.sidecar import wait_until
from tests.cli.test_offline import lines

pytestmark = pytest.mark.skipif(
    shutil.which("tmux") is None, reason="no tmux: install it (Debian: tmux) to see the live tree"
)

ANSWER = "The tool page_down is called with an argument that it does not take, which the model is never told about."


def model(request: dict[str, Any]) -> Reply:
    """A root that sets two subagents to work, slowly enough to be seen, and then answers."""
    tools = {tool["function"]["name"] for tool in request.get("tools", [])}
    answered = sum(message["role"] == "tool" for message in request["messages"])
    if "final_answer" not in tools:
        if answered:
            return Reply(text="It fails because of its argument.", delay_s=0.1)
        return Reply(tool_calls=[ToolCall("query_traces", '{"limit": 5}')], delay_s=0.3)
    if not answered:
        asked = [json.dumps({"input": f"Look at part {part} of the traces."}) for part in (1, 2)]
        return Reply(text="Two look side by side.", tool_calls=[ToolCall("call_subagent", each) for each in asked])
    return Reply(tool_calls=[ToolCall("final_answer", json.dumps({"answer": ANSWER}))])


class Terminal:
    """A terminal of some width in which one command runs; `screen` is what somebody in front of it sees."""

    def __init__(self, width: int, command: str, environment: dict[str, str], directory: Path) -> None:
        self._socket = f"halo-{uuid.uuid4().hex[:8]}"
        size = ("-x", str(width), "-y", "60")
        self._tmux("-f", os.devnull, "new-session", "-d", *size, command, environment=environment, directory=directory)

    def _tmux(self, *words: str, environment: dict[str, str] | None = None, directory: Path | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *words],
            env=environment,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout

    def screen(self, *, history: bool = False) -> list[str]:
        """Its lines, those that have scrolled away included on request."""
        far = ("-S", "-1000") if history else ()
        return self._tmux("capture-pane", "-p", *far).splitlines()

    def close(self) -> None:
        """End it and what runs in it."""
        self._tmux("kill-server")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    (tmp_path / "traces.jsonl").write_text("\n".join(lines(6)) + "\n")
    with ScriptedServer(model) as server:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "HALO_", "TMUX"))}
        yield kept | {
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "k",
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "TERM": "xterm-256color",
        }


@pytest.mark.parametrize("width", [80, 160])
def test_it_looks_right_in_a_terminal(environment: dict[str, str], tmp_path: Path, width: int) -> None:
    """Agents at work while they are, then a report whose words are whole."""
    ended = tmp_path / "ended"
    command = f"{sys.executable} -m cli.main traces.jsonl -p 'What fails?'; echo ended $? | tee {ended}; sleep 60"
    terminal = Terminal(width, command, environment, tmp_path)
    try:
        live = wait_until(lambda: seen if "sub 2" in "\n".join(seen := terminal.screen()) else None, pause_s=0.05)
        wait_until(ended.exists)
        time.sleep(0.2)
        screen = terminal.screen(history=True)
    finally:
        terminal.close()

    at = next(number for number, line in enumerate(live) if "model call" in line)
    assert [line.split()[0] for line in live[at + 1 : at + 4]] == ["●", "├─", "└─"]
    assert sum("model call" in line for line in screen) == 1, "the tree is painted over itself"
    assert ended.read_text().split() == ["ended", "0"]
    text = " ".join(" ".join(screen).split())
    assert ANSWER in text, "no word is broken at the edge"
    assert max(map(display_width, screen)) <= width
    assert "## " not in text


def test_through_pipes_it_is_plain(environment: dict[str, str], tmp_path: Path) -> None:
    """Markdown on stdout, a line for each step on stderr, nothing that drives a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "traces.jsonl", "-p", "What fails?"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0
    assert done.stdout.startswith("# page_down fails in 6 of 6 calls")
    assert "## Answer" in done.stdout
    assert "sub 2  turn 1/20  query_traces" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
