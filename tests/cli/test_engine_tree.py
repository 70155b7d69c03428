"""What a terminal shows of a run with a model, as lines."""

import io
from dataclasses import replace
from itertools import count

import pytest

from cli.engine_progress import Lines, Live
from cli.engine_tree import AgentTree
from engine.inquiry import StepStarted
from engine.models.engine_output import AgentTextDelta

ROOT = StepStarted("turn", "a-0", None, "root", 0, 1, 20, 0, 0.0)


def sub(number: int, parent: str = "a-0", **changes: object) -> StepStarted:
    """A turn of a subagent."""
    step = StepStarted("turn", f"a-{number}", parent, "sub", 1, 1, 10, 1_000 * number, 0.01)
    return replace(step, **changes)  # type: ignore[arg-type]


def grown() -> AgentTree:
    """A root with two subagents, one of them done."""
    tree = AgentTree()
    tree.apply(ROOT)
    tree.apply(replace(ROOT, kind="tool", text="call_subagent"))
    tree.apply(sub(1))
    tree.apply(sub(2))
    tree.apply(sub(2, kind="tool", text="query_traces", tokens=120_301, usd=0.0312))
    tree.apply(sub(1, kind="agent_done", text="3 turns", tokens=120_301, usd=0.0312))
    return tree


def test_the_tree_says_who_works_at_what_and_what_it_has_cost() -> None:
    """Minutes of silence look like a hang; a number that never moves looks like one too."""
    assert grown().lines(80, 42.0, colour=False) == [
        "0:42  3 model calls  3 agents  120,301 tokens  $0.0312",
        "● root     turn 1/20   call_subagent",
        "├─ ✓ sub 1    turn 1/10   3 turns",
        "└─ ● sub 2    turn 1/10   query_traces",
    ]


@pytest.mark.parametrize("width", [20, 40, 80, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """A wrapped line would break the painting over itself."""
    tree = grown()
    tree.apply(sub(2, kind="tool", text="search_trace " * 30))
    tree.hear("words " * 200)

    lines = tree.lines(width, 3_600.0, colour=False)

    assert max(map(len, lines)) <= width
    assert len(lines) == 5


def test_many_agents_stay_a_dozen_lines_and_those_done_go_first() -> None:
    """A tree higher than the screen cannot be painted over."""
    tree = AgentTree()
    tree.apply(ROOT)
    for number in range(1, 30):
        tree.apply(sub(number))
        if number < 27:
            tree.apply(sub(number, kind="agent_done", text="done"))

    lines = tree.lines(80, 0.0, colour=False)

    assert len(lines) <= 12
    assert sum("●" in line for line in lines) == 4
    assert "more agents" in lines[-1]


def test_a_price_that_is_not_known_is_not_shown_as_nothing() -> None:
    """Zero dollars would be a claim."""
    tree = AgentTree()
    tree.apply(replace(ROOT, tokens=10, usd=None))

    assert tree.sums(0.0) == "0:00  1 model call  1 agent  10 tokens"


def test_what_a_model_says_cannot_drive_the_terminal() -> None:
    """Text of a model is text of strangers."""
    tree = AgentTree()
    tree.apply(replace(ROOT, agent_name="ro\x1b[31mot"))
    tree.hear("a\x1b]0;title\x07b\nc")

    assert all("\x1b" not in line and "\n" not in line for line in tree.lines(80, 0.0, colour=False))


async def test_on_a_terminal_the_tree_is_painted_over_itself_and_the_cursor_comes_back() -> None:
    """Whatever happens in between, the next prompt must look as before."""
    stream, clock = io.StringIO(), count(0.0, 0.1)
    with pytest.raises(RuntimeError):
        async with Live(stream, lambda: next(clock), colour=False) as live:
            live.step(ROOT)
            live._paint()
            live.event(
                AgentTextDelta(
                    sequence=1,
                    agent_id="a-0",
                    parent_agent_id=None,
                    parent_tool_call_id=None,
                    depth=0,
                    item_id="i",
                    text_delta="looking",
                )
            )
            live._paint()
            raise RuntimeError

    painted = stream.getvalue()
    assert painted.startswith("\x1b[?25l")
    assert painted.endswith("\x1b[?25h")
    assert "\x1b[2F\x1b[J" in painted
    assert "  looking\n" in painted


async def test_without_a_terminal_each_tool_call_is_a_line() -> None:
    """A log holds no tree."""
    told: list[str] = []
    clock = count()
    async with Lines(told.append, lambda: float(next(clock))) as lines:
        lines.step(ROOT)
        lines.step(replace(ROOT, kind="tool", text="query_traces"))
        lines.step(replace(ROOT, kind="agent_done", text=""))

    assert told == [
        "    1.0 s  root  turn 1/20  query_traces",
        "    2.0 s  root  turn 1/20  done",
        "0:03  1 model call  1 agent  0 tokens",
    ]
