"""Runs that end well and hand nothing over."""

import random

from bench.planting.story import Story


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Three of ten runs stop after their last tool call, without an answer."""
    changed = set(chance.sample(range(len(stories)), len(stories) * 3 // 10))
    for number in changed:
        stories[number].turns.pop()
        stories[number].root_output = ""
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Runs whose agent records no output of its own, though the model's last message is the answer; and failed runs."""
    for story in chance.sample(stories, len(stories) // 3):
        story.root_output = ""
    for story in chance.sample(stories, 2):
        story.turns.pop()
        story.root_error = "The connection was closed by the user"
