"""A version that spends its time between the steps that it records."""

import random

from bench.planting.story import Story


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """The later four of ten runs are of a version that waits seconds before every step."""
    begins = len(stories) * 6 // 10
    for story in stories[begins:]:
        story.version, story.pause_s = "1.1", chance.uniform(2, 4)
    return set(range(begins, len(stories)))


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Slow steps that are recorded, and a few runs that waited."""
    for story in stories:
        for call in story.calls:
            call.seconds = chance.uniform(5, 15)
    for story in chance.sample(stories, len(stories) // 20):
        story.pause_s = 10.0
