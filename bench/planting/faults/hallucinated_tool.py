"""The model asks for tools that do not exist."""

import random

from bench.planting.story import Call, Story, Turn, nothing_but


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """In a fifth of the runs the model asks for `search_web`, which nobody offered."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 5))
    for number in changed:
        error = "unknown tool 'search_web'; available tools: find_order, list_orders"
        call = Call("search_web", {"query": f"order {number}"}, "", error=error, error_type="ToolNotFound")
        stories[number].turns.insert(0, Turn(calls=[call]))
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """A tool that a server adds in the middle of a run is not declared at first, and works."""
    for story in chance.sample(stories, len(stories) // 5):
        story.turns.insert(0, Turn(calls=[Call("track_parcel", {"code": f"P{chance.randrange(999)}"}, "on its way")]))
        if chance.random() < 0.5:
            story.tools = {**story.tools, "track_parcel": nothing_but("track_parcel", "code")}
