"""Some calls of a tool take a hundred times as long as the others."""

import random

from bench.planting.story import Story


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """One in ten calls of find_order hangs for half a minute."""
    changed = set()
    for number, story in enumerate(stories):
        for call in story.calls:
            if call.tool == "find_order" and (chance.random() < 0.1 or len(changed) < 3):
                call.seconds = chance.uniform(25, 35)
                changed.add(number)
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """A tool that is always slow; and durations that vary as durations do."""
    for story in stories:
        for call in story.calls:
            if call.tool == "refund":
                call.seconds = chance.uniform(20, 30)
            elif call.tool == "find_order":
                call.seconds = chance.lognormvariate(-1.0, 0.6)
