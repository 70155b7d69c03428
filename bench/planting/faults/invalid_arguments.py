"""Calls whose arguments the tool's own schema forbids."""

import random

from bench.planting.story import Story


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A third of the calls of find_order carry a key that it does not have, and fail."""
    changed = set()
    for number, story in enumerate(stories):
        for call in story.calls:
            if call.tool == "find_order" and chance.random() < 0.34:
                call.arguments = {"order": dict(call.arguments)["order_id"]}
                call.error, call.error_type = "order_id is required", "ValidationError"
                changed.add(number)
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Optional arguments left out, and others that are allowed although nobody gives them else."""
    for story in stories:
        for call in story.calls:
            if call.tool == "list_orders" and isinstance(call.arguments, dict) and chance.random() < 0.5:
                call.arguments = {"customer": call.arguments["customer"], "page": call.arguments.get("page", 1)}
