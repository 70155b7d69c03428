"""`halo TRACES -p "…"` as a user meets it: a real process, a real endpoint, every way a model can let one down."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.llm.scripted import HttpError, Reply, Script, ScriptedServer, ToolCall
from tests.acceptance.sidecar import wait_until
from tests.cli.test_offline import lines

ANSWER = "page_down was called with an argument it does not take: {c1}."
CLAIM = {
    "type": "rate",
    "text": "page_down fails",
    "numerator": {"query": "spans", "args": {"tool": "page_down", "status": "ERROR"}},
    "denominator": {"query": "spans", "args": {"tool": "page_down"}, "answer": "affected_spans"},
    "value": 1.0,
}
INVENTED = "feedfacefeedfacefeedfacefeedface"


@dataclass(frozen=True)
class Ran:
    """How the command ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Question:
    """The command on one trace file, in a home of its own."""

    home: Path
    traces: Path

    def __call__(self, script: Script, *arguments: str, prompt: str = "What fails?") -> tuple[Ran, ScriptedServer]:
        """Run it to its end against a scripted endpoint."""
        with ScriptedServer(script) as server:
            return self.at(server.base_url, *arguments, prompt=prompt), server

    def at(self, base_url: str, *arguments: str, prompt: str = "What fails?") -> Ran:
        """Run it to its end against an endpoint."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "HALO_"))},
            "OPENAI_BASE_URL": base_url,
            "OPENAI_API_KEY": "key-that-nobody-may-see",
            "XDG_STATE_HOME": str(self.home / "state"),
            "HOME": str(self.home),
            "NO_PROXY": "127.0.0.1",
            "COLUMNS": "100",
        }
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", str(self.traces), "-p", prompt, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout
        assert "key-that-nobody-may-see" not in done.stderr + done.stdout
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def question(tmp_path: Path) -> Question:
    traces = tmp_path / "traces.jsonl"
    traces.write_text("\n".join(lines()) + "\n")
    return Question(tmp_path, traces)


def tool(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(name, json.dumps(arguments))


def final(answer: str = ANSWER, **more: Any) -> Reply:
    return Reply(tool_calls=[tool("final_answer", answer=answer, **more)])


def looking(*last: Reply) -> Iterator[Reply]:
    """A model that looks first and then says what it has to say, the last thing again and again."""
    yield Reply(text="I look first.", tool_calls=[tool("get_dataset_overview", filters={})])
    yield from last
    while True:
        yield last[-1]


def endless(reply: Callable[[int], Reply]) -> Callable[[dict[str, Any]], Reply]:
    """A model that never stops."""
    numbers = count()
    return lambda request: reply(next(numbers))


def bounded(script: Iterator[Reply]) -> Callable[[dict[str, Any]], Reply]:
    """A script without an end, one reply a request."""
    return lambda request: next(script)


def test_a_question_is_answered_with_checked_numbers_as_markdown_on_stdout(question: Question) -> None:
    """The answer is what is pasted on; how it came about is told beside it."""
    done, server = question(bounded(looking(final(claims={"c1": CLAIM}))))

    assert done.code == 0
    assert "page_down was called with an argument it does not take: 4 of 4" in done.stdout
    assert done.stdout.startswith("# ")
    assert "get_dataset_overview" in done.stderr
    assert "2 model calls" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert server.requests[0].headers["authorization"] == "Bearer key-that-nobody-may-see"


def test_quiet_tells_nothing_and_json_is_the_report(question: Question, tmp_path: Path) -> None:
    """For programs."""
    done, _ = question(bounded(looking(final(claims={"c1": CLAIM}))), "--quiet", "--json")
    report = json.loads(done.stdout)

    assert (done.code, done.stderr) == (0, "")
    assert (report["mode"], report["inquiry"]["question"]) == ("model", "What fails?")
    assert report["spend"]["requests"] == 2
    assert report["claims"]["confirmed"] >= 1


def test_a_written_report_with_a_model_is_verified(question: Question, tmp_path: Path) -> None:
    """What a model said is held to its evidence like everything else."""
    path = tmp_path / "r.json"
    done, _ = question(bounded(looking(final(claims={"c1": CLAIM}))), "-o", str(path))
    verified = subprocess.run(
        [sys.executable, "-m", "cli.main", "verify", str(path)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.code == 0
    assert (verified.returncode, verified.stderr) == (0, "")


def test_what_a_model_invents_is_in_no_report(question: Question, tmp_path: Path) -> None:
    """Ids, quotes and counts that nothing bears out, said twice."""
    wrong = {**CLAIM, "value": 0.123}
    finding = {
        "title": "An invention",
        "category": "tool",
        "owner": "tool",
        "severity": "high",
        "confidence": "high",
        "explanation": "It failed 4711 times.",
        "fix": "None.",
        "quotes": [
            {"trace_id": INVENTED, "span_id": INVENTED[:16], "field": "output", "quote": "never said by anybody"}
        ],
        "claims": ["c1"],
    }
    said = f"It failed 4711 times, {{c1}}, see trace {INVENTED}. The tool page_down is at fault."
    path = tmp_path / "r.json"
    done, _ = question(
        bounded(looking(final(said, claims={"c1": wrong}, findings=[finding]))), "-o", str(path), "-o", f"{path}.md"
    )
    written = path.read_text() + (tmp_path / "r.json.md").read_text()

    assert done.code in (0, 3)
    for invented in ("4711", INVENTED, "never said by anybody", "0.123", "An invention"):
        assert invented not in written
    report = json.loads(path.read_text())
    assert report["inquiry"]["dropped"]
    assert report["claims"]["wrong"] + report["claims"]["not_found"] >= 1


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "401"), (403, "403"), (404, "404"), (400, "400")],
)
def test_a_model_that_cannot_be_asked_is_one_line_and_exit_1(question: Question, status: int, said: str) -> None:
    """Not 260 lines, and not ten attempts at a wrong key."""
    error = HttpError(status, {"error": {"message": "no", "type": "x", "code": None}})
    done, server = question(lambda request: Reply(error=error))

    assert done.code == 1
    assert len(server.requests) <= 3
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert done.stdout == ""


def test_an_endpoint_that_nobody_listens_at_is_one_line_and_exit_1(question: Question) -> None:
    """A wrong port is the commonest mistake of all."""
    done = question.at("http://127.0.0.1:9/v1", "--budget-seconds", "3")

    assert done.code in (1, 3)
    assert len(done.stderr.splitlines()) < 20


@pytest.mark.parametrize("status", [429, 500])
def test_an_endpoint_that_fails_for_a_while_costs_only_time(question: Question, status: int) -> None:
    """One retry layer, which does as it is told."""
    refused = Reply(error=HttpError(status, {"error": {"message": "later"}}, {"retry-after": "0"}))
    replies = iter([refused, refused, *([Reply(tool_calls=[tool("get_dataset_overview", filters={})])])])
    rest = looking(final("Nothing more."))
    done, server = question(lambda request: next(replies, None) or next(rest))

    assert done.code == 0
    assert len(server.requests) >= 4


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("it never ends with final_answer", endless(lambda number: Reply(text=f"Thinking {'.' * number}"))),
        (
            "it calls tools for ever",
            endless(lambda number: Reply(tool_calls=[tool("query_traces", filters={}, limit=number % 500 + 1)])),
        ),
        (
            "it calls a tool that does not exist",
            endless(lambda number: Reply(tool_calls=[tool("teleport", to=number)])),
        ),
        (
            "it writes arguments that are no JSON",
            endless(lambda number: Reply(tool_calls=[ToolCall("view_trace", "{")])),
        ),
        ("it refuses", endless(lambda number: Reply(refusal="I cannot help with that."))),
    ],
)
def test_a_model_that_never_answers_leaves_an_incomplete_report(
    question: Question, name: str, script: Callable[[dict[str, Any]], Reply]
) -> None:
    """What the analysis knows is told all the same, with a reason and an exit code of its own."""
    done, server = question(script, "--max-turns", "5")

    assert done.code == 3, done.stderr
    assert len(server.requests) <= 12
    assert "page_down fails in 4 of 4 calls" in done.stdout
    assert re.search(r"^incomplete: .+", done.stderr, re.MULTILINE)
    assert len(done.stderr.splitlines()) < 60


@pytest.mark.parametrize(
    "arguments", [("--budget-tokens", "3000"), ("--budget-seconds", "2"), ("--budget-usd", "0.0001", "-m", "gpt-5")]
)
def test_a_budget_ends_a_run_with_what_was_found(question: Question, arguments: tuple[str, ...]) -> None:
    """A run that costs more than it may is worse than one that stops."""
    script = endless(
        lambda number: Reply(tool_calls=[tool("query_traces", filters={}, limit=number % 500 + 1)], delay_s=0.05)
    )
    done, _ = question(script, "--max-turns", "500", *arguments)

    assert done.code == 3
    assert "budget" in done.stderr
    assert "page_down fails in 4 of 4 calls" in done.stdout


def test_a_run_that_was_cut_off_goes_on_where_it_was(question: Question) -> None:
    """The second run asks nothing again."""
    first, before = question(
        endless(lambda number: Reply(tool_calls=[tool("count_traces", filters={})])), "--max-turns", "3"
    )
    again, after = question(bounded(iter([final("Nothing more.")] * 5)), "--max-turns", "10", "--resume")

    assert (first.code, again.code) == (3, 0)
    assert len(after.requests[0].body["messages"]) > len(before.requests[0].body["messages"])
    assert question(bounded(iter([final("x")])), "--resume")[0].code == 1


def test_without_a_key_or_an_endpoint_the_analysis_alone_runs(question: Question) -> None:
    """It works fully without a model, and says so."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", str(question.traces), "-p", "What fails?"],
        env={name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0
    assert "no model can be asked" in done.stderr
    assert "page_down fails in 4 of 4 calls" in done.stdout


def test_telemetry_of_a_run_is_a_trace_file_for_halo(question: Question) -> None:
    """HALO can look at itself."""
    path = question.home / "own.jsonl"
    os.environ["HALO_TELEMETRY_PATH"] = str(path)
    try:
        environment = {"HALO_TELEMETRY_PATH": str(path)}
        with ScriptedServer(bounded(looking(final("Nothing more.")))) as server:
            done = subprocess.run(
                [sys.executable, "-m", "cli.main", str(question.traces), "-p", "What?", "--telemetry", "-q"],
                env={**os.environ, **environment, "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "k"},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
    finally:
        del os.environ["HALO_TELEMETRY_PATH"]
    kinds = [json.loads(line)["attributes"]["openinference.span.kind"] for line in path.read_text().splitlines()]

    assert done.returncode == 0
    assert sorted(kinds) == ["AGENT", "LLM", "LLM", "TOOL", "TOOL"]


def test_a_report_that_cannot_be_kept_is_not_paid_for(question: Question) -> None:
    """A typing error in -o must not cost a run."""
    done, server = question(bounded(looking(final("Nothing more."))), "-o", "/nonexistent/r.json")

    assert (done.code, server.requests) == (1, [])
    assert done.stderr.startswith("Error: /nonexistent/r.json: cannot be written")


@pytest.mark.parametrize("arguments", [("--budget-usd", "nan"), ("--temperature", "nan"), ("--budget-seconds", "inf")])
def test_a_number_that_is_none_is_a_usage_error(question: Question, arguments: tuple[str, str]) -> None:
    """One line, before anything is asked."""
    done, server = question(bounded(looking(final("Nothing more."))), *arguments)

    assert (done.code, server.requests) == (2, [])
    assert "no finite number" in done.stderr


def test_an_address_without_a_scheme_is_a_usage_error(question: Question) -> None:
    """The commonest slip in a variable."""
    done = question.at("localhost:8000/v1")

    assert done.code == 2
    assert "write e.g. https://" in done.stderr


def test_output_that_cannot_be_written_is_one_line(question: Question) -> None:
    """A full disk behind a redirection."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", str(question.traces)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_says_how_it_goes_on(question: Question, number: int, code: int) -> None:
    """Ctrl-C is a decision, not a failure."""
    script = endless(
        lambda each: Reply(tool_calls=[tool("query_traces", filters={}, limit=each % 500 + 1)], delay_s=0.05)
    )
    with ScriptedServer(script) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", str(question.traces), "-p", "What?", "--max-turns", "400"],
            env={
                **os.environ,
                "OPENAI_BASE_URL": server.base_url,
                "OPENAI_API_KEY": "k",
                "XDG_STATE_HOME": str(question.home / "state"),
                "NO_PROXY": "127.0.0.1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that starts tests in the background has them ignore Ctrl-C, and so would what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        wait_until(lambda: len(server.requests) >= 3, pause_s=0.02)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)

    assert process.returncode == code
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1] == "stopped; the same command with --resume goes on"
