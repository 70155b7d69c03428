"""A tool that fails, always with the same words, whenever orders of one year are asked for."""

import random

from bench.planting.story import Story
from bench.planting.traffic import stumble


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Three of ten runs meet the same error once and go on without what they asked for."""
    changed = set(chance.sample([at for at, story in enumerate(stories) if story.calls], len(stories) * 3 // 10))
    for number in changed:
        call = stories[number].calls[0]
        call.error = f"KeyError: column 'year_{chance.randrange(2000, 2020)}' is not in the index"
        call.error_type = "KeyError"
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """A few passing failures, each made good by the next try."""
    for story in chance.sample(stories, 2):
        stumble(story, chance)
