"""Runs that cost many times the tokens of their like."""

import random

from bench.planting.story import Story

_TIMES = 40


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Every tenth run is given whole documents on every turn."""
    changed = set(chance.sample(range(len(stories)), max(len(stories) // 10, 4)))
    for number, story in enumerate(stories):
        for turn in story.turns:
            turn.input_tokens = round(chance.uniform(800, 1_200)) * (_TIMES if number in changed else 1)
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Runs with three times the usual tokens, and a version that costs more throughout."""
    for number, story in enumerate(stories):
        times = 3 if chance.random() < 0.2 else 1
        if number >= len(stories) // 2:
            story.version, times = "2.0", times * _TIMES
        for turn in story.turns:
            turn.input_tokens = round(chance.uniform(800, 1_200)) * times
