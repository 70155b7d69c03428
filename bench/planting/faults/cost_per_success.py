"""Failing runs eat most of the tokens."""

import random

from bench.planting.story import Story

_SHARE, _TIMES = 0.3, 4


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Three runs of ten fail by their evaluation, and are given four times the tokens of the others."""
    planted = set()
    for at, story in enumerate(stories):
        story.passed = chance.random() >= _SHARE
        for turn in story.turns:
            turn.input_tokens = chance.randrange(400, 800) * (1 if story.passed else _TIMES)
        if not story.passed:
            planted.add(at)
    return planted


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Every run is judged and passes, some of them dear."""
    for story in stories:
        story.passed = True
        for turn in story.turns:
            turn.input_tokens = chance.randrange(400, 3_200)
