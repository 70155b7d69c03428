"""Runs that send the model their first question again, without what came of it since."""

import random

from bench.planting.story import Story


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """In a third of the runs a turn knows nothing of the turns before it."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 3))
    for number in changed:
        turns = stories[number].turns
        turns[chance.randrange(1, len(turns))].forgets = True
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Sub-agents that begin with a history of their own."""
    for story in chance.sample(stories, len(stories) // 3):
        story.turns[-1].by, story.turns[-1].forgets = "writer", True
