"""A tool that answers with an error text while its span says that all went well."""

import json
import random

from bench.planting.story import Call, Story, Turn, nothing_but


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Three of ten runs get an error as the result of their first call, and go on without what they asked for."""
    changed = set(chance.sample([at for at, story in enumerate(stories) if story.calls], len(stories) * 3 // 10))
    for number in changed:
        call = stories[number].calls[0]
        told = f"index orders_{chance.randrange(2000, 2020)} is being rebuilt"
        call.result = json.dumps({"error": told}) if chance.random() < 0.5 else f"Error: {told}"
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Results that say there is no error, logs read on purpose, tests that fail until the code is mended."""
    for story in chance.sample(stories, len(stories) // 2):
        kind = chance.randrange(3)
        if kind == 0:
            story.calls[0].result = json.dumps({"error": None, "errors": [], "answer": f"item {chance.randrange(99)}"})
        elif kind == 1:
            log = f"Error: disk {chance.randrange(9)} full\nTraceback (most recent call last):\nOSError: disk full"
            story.tools = {**story.tools, "read_log": nothing_but("read_log", "name")}
            story.turns.insert(0, Turn(calls=[Call("read_log", {"name": "nightly"}, log)]))
        else:
            _mend(story, chance.randrange(1, 4))


def _mend(story: Story, failing: int) -> None:
    """A run of the tests, a change of the code, and the tests again, until they pass."""
    story.tools = {**story.tools, "run_tests": nothing_but("run_tests"), "edit": nothing_but("edit", "patch")}
    turns = []
    for left in range(failing, 0, -1):
        failed = json.dumps({"exit_code": 1, "stderr": f"AssertionError: {left} tests failed"})
        turns.append(Turn(calls=[Call("run_tests", {}, failed)]))
        turns.append(Turn(calls=[Call("edit", {"patch": f"mend test {left}"}, f"changed {left} lines")]))
    turns.append(Turn(calls=[Call("run_tests", {}, json.dumps({"exit_code": 0, "stderr": ""}))]))
    story.turns[:0] = turns
