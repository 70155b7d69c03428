"""A tool that is offered, and whose every call fails in the same way."""

import random

from bench.planting.story import Call, Story, Turn, nothing_but


def _offer(stories: list[Story]) -> None:
    for story in stories:
        story.tools = {**story.tools, "print_label": nothing_but("print_label")}


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A tool without arguments that the model cannot call without giving it some."""
    _offer(stories)
    changed = set(chance.sample(range(len(stories)), len(stories) // 4))
    error = "print_label() got an unexpected keyword argument ''"
    for number in changed:
        call = Call("print_label", {"": ""}, "", error=error, error_type="TypeError")
        stories[number].turns.insert(0, Turn(calls=[call]))
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """A tool that is called twice in the window, and failed once; and one that is offered and never needed."""
    _offer(stories)
    for at, story in enumerate(chance.sample(stories, 2)):
        failed = {"error": "printer is out of paper", "error_type": "PrinterError"} if at else {}
        call = Call("print_label", {}, "printed", **failed)
        story.turns.insert(0, Turn(calls=[call]))
