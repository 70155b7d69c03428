"""The second half of the runs is of a new version, which fails four times as often."""

import random

from bench.planting.story import Story

RUNS = 160
_BEFORE, _SINCE = 0.1, 0.45


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Of version 1.0 one run of ten fails by its evaluation, of version 2.0 nearly every second."""
    return _judge(stories, chance, _SINCE)


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """A new version that fails as often as the old one, and takes a tenth more time."""
    _judge(stories, chance, _BEFORE)
    for story in stories[len(stories) // 2 :]:
        for turn in story.turns:
            turn.seconds *= 1.1


def _judge(stories: list[Story], chance: random.Random, since: float) -> set[int]:
    planted = set()
    for at, story in enumerate(stories):
        is_new = at >= len(stories) // 2
        story.version = "2.0" if is_new else "1.0"
        story.passed = chance.random() >= (since if is_new else _BEFORE)
        if is_new and not story.passed:
            planted.add(at)
    return planted
