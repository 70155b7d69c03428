"""The model answers with nothing: no text, no call, no error."""

import random

from bench.planting.story import Story, Turn


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Three of ten runs hold an empty answer."""
    changed = set(chance.sample(range(len(stories)), len(stories) * 3 // 10))
    for number in changed:
        stories[number].turns.insert(0, Turn(""))
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Answers without text that ask for tools, which is how models ask."""
    for story in stories:
        for turn in story.turns:
            if turn.calls:
                turn.text = ""
