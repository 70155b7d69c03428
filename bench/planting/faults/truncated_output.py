"""Answers that are cut off at the length limit."""

import random

from bench.planting.story import Story


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Three of ten runs end in the middle of their answer."""
    changed = set(chance.sample(range(len(stories)), len(stories) * 3 // 10))
    for number in changed:
        last = stories[number].turns[-1]
        last.text, last.finish = last.text[: len(last.text) // 2], "length"
        last.output_tokens = last.max_tokens
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Answers that use almost all they may, and stop by themselves."""
    for story in chance.sample(stories, len(stories) // 3):
        last = story.turns[-1]
        last.output_tokens = last.max_tokens - 1
