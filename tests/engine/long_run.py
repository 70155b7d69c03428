"""A run of 300 turns as a process of its own: `python -m tests.engine.long_run DIRECTORY [--die-at TURN | --resume]`.

Its scripted model reads a fact in every answer of its tool, asks near the end for three of the earliest by the ids of
their messages, and concludes with what comes back. It is a function of the request alone, so it plays the same role in
whatever process it is asked. What each request had is appended to `requests.jsonl`.
"""

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path

from engine.context.sizes import chars_of
from engine.llm.model import ModelAnswer, ModelCall, ModelUsage
from engine.running import run
from tests.engine.fakes import FakeModel, Heard, calls, concludes, says, tool
from tests.engine.runs import asks, config, window

TURNS = 300
CONTEXT_TOKENS = 16_000
ASKED_AGAIN = {TURNS - 3: 12, TURNS - 2: 48, TURNS - 1: 20}
"""The turns that ask for earlier messages, and the places of these; the result of turn t has place 2t + 2."""
_TOOL_TOKENS = 2_500
_CHARS_PER_TOKEN = 3
_TURN = re.compile(r"Turn (\d+) of")
_FACT = re.compile(r"fact-\d+ is [0-9a-f]{8}")


def tokens_of(call: ModelCall) -> int:
    """How many tokens the endpoint counts: more than characters tell, and the tools come on top."""
    return _TOOL_TOKENS + chars_of(call.messages) // _CHARS_PER_TOKEN


def fact(turn: int) -> str:
    """What a turn's result tells and nothing else does."""
    return f"fact-{turn} is {turn * 2_654_435_761 % 2**32:08x}"


def answer(call: ModelCall, directory: Path, die_at: int) -> ModelAnswer:
    """What the model says to a request; at one turn the process dies instead."""
    usage = ModelUsage(1, tokens_of(call), 20)
    if call.purpose == "compaction":
        return ModelAnswer("summary", "Facts were read one by one.", usage=usage)
    found = _TURN.search(str(call.messages[-1].content))
    assert found is not None
    turn = int(found[1])
    if turn == die_at:
        os.kill(os.getpid(), signal.SIGKILL)
    summaries = sum("Earlier turns of this conversation" in str(message.content) for message in call.messages)
    with (directory / "requests.jsonl").open("a") as file:
        file.write(json.dumps({"turn": turn, "tokens": usage.input_tokens, "summaries": summaries}) + "\n")
    return _played(call, turn, usage)


def _played(call: ModelCall, turn: int, usage: ModelUsage) -> ModelAnswer:
    if turn == TURNS:
        told = [_FACT.findall(str(message.content))[-1] for message in call.messages[-7:-1] if message.role == "tool"]
        return ModelAnswer("end", "", concludes("; ".join(told)).tool_calls, usage=usage)
    if turn in ASKED_AGAIN:
        return says("", tool("get_context_item", item_id=f"item-{ASKED_AGAIN[turn]}"), usage=usage)
    made = calls(tool("query_sql", f"call-{turn}", sql=f"SELECT '{'x' * 900}' AS padding, '{fact(turn)}' AS said"))
    return ModelAnswer("turn", "", made.tool_calls, usage=usage)


async def played(directory: Path, die_at: int, *, resume: bool) -> dict[str, object]:
    """The run's end, and the events it told."""
    heard = Heard()
    model = FakeModel(lambda call: answer(call, directory, die_at))
    settings = config(
        turns=TURNS, context_window_tokens=CONTEXT_TOKENS, checkpoint_path=directory / "state.json", maximum_depth=0
    )
    with window(directory) as opened:
        led = await run(asks(), settings, opened, heard, model=model, resume=resume)
    return {
        "text": led.ended.text,
        "reason": led.ended.reason,
        "turns": led.root.turns,
        "requests": led.team.budget.usage.requests,
        "compactions": sum(step.kind == "compacted" for step in heard.steps),
        "root": led.root.lineage.agent_id,
        "sequences": [event.sequence for event in heard.events],
    }


def main() -> None:
    """Play the run and print how it ended, as JSON."""
    directory, *rest = sys.argv[1:]
    die_at = int(rest[1]) if rest[:1] == ["--die-at"] else 0
    print(json.dumps(asyncio.run(played(Path(directory), die_at, resume=rest == ["--resume"]))))


if __name__ == "__main__":
    main()
