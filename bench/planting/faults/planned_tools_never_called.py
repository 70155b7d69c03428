"""The model writes a plan with tools in it, and then answers without any of them."""

import random

from bench.planting.story import Story, Turn

_PLAN = "1. Call `find_order` for the order.\n2. Call `read_policy` for the rules.\n3. Answer the customer."


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A quarter of the runs plan two look-ups and make none."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 4))
    for number in changed:
        stories[number].turns = [Turn(_PLAN), Turn("Your order will arrive soon.")]
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Plans that are carried out, at least in part; lists that name no tool."""
    for story in stories:
        used = {call.tool for call in story.calls}
        if used & {"find_order", "read_policy"} and chance.random() < 0.4:
            story.turns.insert(0, Turn(_PLAN))
        elif chance.random() < 0.2:
            story.turns[-1].text += "\n1. Keep the box.\n2. Wait for our mail."
