"""Arguments that the model always sends and that never say anything."""

import random

from bench.planting.story import Story, nothing_but

_TOOL = nothing_but("find_order", "order_id", region="string")


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Four of five calls of find_order carry an empty region."""
    changed = set()
    for number, story in enumerate(stories):
        story.tools = {**story.tools, "find_order": _TOOL}
        for call in story.calls:
            if call.tool == "find_order" and isinstance(call.arguments, dict) and chance.random() < 0.8:
                call.arguments = {**call.arguments, "region": ""}
                changed.add(number)
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """An optional filter that is mostly empty and now and then says something, and false and zero, which say much."""
    seen = 0
    for story in stories:
        story.tools = {**story.tools, "find_order": _TOOL}
        for call in story.calls:
            if call.tool == "find_order" and isinstance(call.arguments, dict):
                call.arguments = {**call.arguments, "region": "" if seen % 12 else "north"}
                seen += 1
            if call.tool == "list_orders" and isinstance(call.arguments, dict):
                call.arguments = {**call.arguments, "page": 0} if chance.random() < 0.2 else call.arguments
