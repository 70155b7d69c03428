"""A run's state on disk: whole at every moment, only for its own run, and without any secret."""

import json
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from domain.errors import PermanentError
from engine.checkpoints import RunState, load, print_of_question, print_of_traces, remove, require_same, save
from engine.context.compaction import CompactionState
from engine.context.entries import opening
from engine.model_provider_config import ModelProviderConfig
from engine.models.messages import AgentMessage
from engine.opening import window_of_files
from engine.running import run
from tests.engine.fakes import FakeModel, Heard, calls, concludes, tool
from tests.engine.runs import asks, config, window

FORMS_OF_TEXT = "plain é 😀 \ud800 \x00"
ROUNDS = 6


def state(turns: int = 3, **changes: Any) -> RunState:
    """A state of a run."""
    messages = [*asks(), AgentMessage(role="assistant", content=FORMS_OF_TEXT)]
    known: dict[str, Any] = {
        "traces": "t",
        "question": "q",
        "fence_token": "abc123",
        "context": CompactionState(
            entries=opening(messages), items={7: AgentMessage(role="user", content="old")}, most_tokens=9
        ),
        "root_id": "root-1",
        "turns": turns,
        "tool_calls": 4,
        "last_text": "so far",
        "first_sequence": 0,
        "last_sequence": 8,
        "next_sequence": 9,
        "agents": 2,
        "all_turns": 5,
        "models": ["m"],
        "requests": 5,
        "input_tokens": 100,
        "output_tokens": 10,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "usd": None,
        "seconds": 1.5,
        "shown_traces": ["a"],
        "shown_spans": [("a", "b")],
    }
    return RunState(**{**known, **changes})


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    """Whatever a model wrote, half a character included."""
    path = tmp_path / "state.json"

    save(path, state(3))
    save(path, state(4))

    assert load(path) == state(4)
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]
    remove(path)
    remove(path)
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """It holds what spans hold; nor may it be written through a link that somebody else has put there."""
    path, elsewhere = tmp_path / "state.json", tmp_path / "elsewhere"
    path.with_name("state.json.new").write_text("left by a process that died")
    save(path, state())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    path.with_name("state.json.new").symlink_to(elsewhere)
    with pytest.raises(PermanentError, match="cannot write the run's state"):
        save(path, state())
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"version":1}', b'{"version":2}', b"\x80\x04pickle"],
)
def test_a_file_that_holds_something_else_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    """A traceback helps nobody who named the wrong file."""
    path = tmp_path / "state.json"
    path.write_bytes(content)

    with pytest.raises(PermanentError) as caught:
        load(path)

    assert str(caught.value) == f"{path}: no run's state of this version; start anew, without resuming"


def test_a_state_of_a_later_version_or_with_more_in_it_is_refused(tmp_path: Path) -> None:
    """Guessing what another version meant would end in a wrong report."""
    path = tmp_path / "state.json"
    for changes in ({"version": 2}, {"surprise": 1}):
        path.write_text(json.dumps({**state().model_dump(mode="python"), **changes}))
        with pytest.raises(PermanentError, match="of this version"):
            load(path)


def test_a_missing_file_and_a_place_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    """Each with what to do instead."""
    with pytest.raises(PermanentError, match="no run to go on with; start it anew"):
        load(tmp_path / "absent.json")
    with pytest.raises(PermanentError, match="cannot read"):
        load(tmp_path)
    with pytest.raises(PermanentError, match=r"cannot write .* name another file"):
        save(tmp_path / "absent" / "state.json", state())


def test_a_state_is_only_for_its_own_traces_and_its_own_question() -> None:
    """Going on over other traces would mix up two investigations."""
    require_same(Path("f"), state(), "t", "q")
    with pytest.raises(PermanentError, match="looked at other traces"):
        require_same(Path("f"), state(), "other", "q")
    with pytest.raises(PermanentError, match="asked something else"):
        require_same(Path("f"), state(), "t", "other")


def test_questions_and_traces_are_told_apart(tmp_path: Path) -> None:
    """By what was asked, not by how the engine leads into it; by what a file holds, not by its name."""
    lead = AgentMessage(role="system", content="you are")
    assert print_of_question(asks("a")) == print_of_question([lead, *asks("a")])
    assert print_of_question(asks("a")) != print_of_question(asks("b"))
    assert print_of_question(asks("\ud800"))

    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with window(tmp_path / "one") as one, window(tmp_path / "two") as two:
        assert print_of_traces(one) == print_of_traces(two)
    file = tmp_path / "one" / "traces.jsonl"
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    with window_of_files([file], None) as shorter, window(tmp_path / "two") as two:
        assert print_of_traces(shorter) != print_of_traces(two)


ENDLESSLY = """
import sys
from pathlib import Path
from engine.checkpoints import save
from tests.engine.test_checkpoints import state
path, turns = Path(sys.argv[1]), 0
while True:
    turns += 1
    save(path, state(turns, last_text="x" * 2_000_000))
    print(turns, flush=True)
"""


def test_killing_the_process_while_it_writes_never_costs_the_state_before(tmp_path: Path) -> None:
    """A half-written file would cost all that a run has paid for."""
    path = tmp_path / "state.json"
    for already in range(1, ROUNDS + 1):
        process = subprocess.Popen([sys.executable, "-c", ENDLESSLY, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        with process.stdout as output:
            for _ in range(already):
                output.readline()
            process.send_signal(signal.SIGKILL)
            told = [int(line) for line in output if line.endswith("\n")]
        assert process.wait() == -signal.SIGKILL
        assert load(path).turns >= max([already, *told])
        assert load(path).last_text == "x" * 2_000_000


async def test_a_run_leaves_no_key_and_no_header_in_its_state(tmp_path: Path) -> None:
    """The file may be handed on to whoever goes on with the run."""
    path = tmp_path / "state.json"
    provider = ModelProviderConfig(
        base_url="http://user:word@localhost:1/v1", api_key="sk-secret", default_headers={"x-token": "secret-header"}
    )
    settings = config(checkpoint_path=path, model_provider=provider)
    model = FakeModel([calls(tool("count_traces")), concludes()])

    with window(tmp_path) as opened:
        await run(asks(), settings, opened, Heard(), model=model)

    text = path.read_text()
    assert "count_traces" in text
    assert [secret for secret in ("sk-secret", "secret-header", "user:word") if secret in text] == []


async def test_a_run_goes_on_with_what_it_had_spent_seen_and_said(tmp_path: Path) -> None:
    """Limits hold for the whole run, however often it is interrupted."""
    path = tmp_path / "state.json"
    first = FakeModel([calls(tool("query_traces", limit=2)), KeyboardInterrupt()])
    second = FakeModel([concludes("two traces")])
    with window(tmp_path) as opened:
        with pytest.raises(KeyboardInterrupt):
            await run(asks(), config(checkpoint_path=path), opened, Heard(), model=first)
        before = load(path)
        heard = Heard()
        led = await run(asks(), config(checkpoint_path=path), opened, heard, model=second, resume=True)

    assert led.ended.text == "two traces"
    assert list(second.asked[0].messages)[:-1] == list(first.asked[1].messages)[:-1]
    assert led.root.lineage.agent_id == before.root_id
    assert (led.root.turns, led.team.budget.usage.requests) == (2, 2)
    assert led.team.shown.traces == set(before.shown_traces) != set()
    assert heard.events[0].sequence == before.next_sequence


async def test_a_run_goes_on_only_where_there_is_one_of_its_kind(tmp_path: Path) -> None:
    """Nothing is paid for before that is known."""
    path = tmp_path / "state.json"
    model = FakeModel([calls(tool("count_traces")), concludes()])
    with window(tmp_path) as opened:
        with pytest.raises(PermanentError, match="no run to go on with"):
            await run(asks(), config(checkpoint_path=path), opened, Heard(), model=model, resume=True)
        with pytest.raises(PermanentError, match="nothing to resume from"):
            await run(asks(), config(), opened, Heard(), model=model, resume=True)
        with pytest.raises(PermanentError, match="cannot write"):
            await run(asks(), config(checkpoint_path=tmp_path / "no" / "f"), opened, Heard(), model=model)
        assert model.asked == []
        await run(asks(), config(checkpoint_path=path), opened, Heard(), model=model)
        with pytest.raises(PermanentError, match="asked something else"):
            await run(asks("else?"), config(checkpoint_path=path), opened, Heard(), model=model, resume=True)
