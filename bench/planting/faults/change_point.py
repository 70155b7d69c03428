"""From some moment on runs fail more often, though the version stays the same."""

import random

from bench.planting.story import Story

RUNS = 120
_BEFORE, _SINCE = 0.08, 0.55


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Two thirds of the way in, failing by evaluation goes from one run of twelve to more than half."""
    moment = 2 * len(stories) // 3
    planted = set()
    for at, story in enumerate(stories):
        story.passed = chance.random() >= (_SINCE if at >= moment else _BEFORE)
        if at >= moment and not story.passed:
            planted.add(at)
    return planted


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Runs fail now and then, three of them in a row, and as often at the end as at the beginning."""
    for story in stories:
        story.passed = chance.random() >= 0.2
    first = chance.randrange(len(stories) // 4, len(stories) // 2)
    for story in stories[first : first + 3]:
        story.passed = False
