"""A new version that answers without looking anything up."""

import random

from bench.planting.story import Story

RUNS = 120


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A sixth of the runs come from version 2.0, and two of three of those call no tool."""
    fresh = chance.sample(range(len(stories)), len(stories) // 6)
    changed = set()
    for number in fresh:
        stories[number].version = "2.0"
        if chance.random() < 0.67:
            stories[number].turns = stories[number].turns[-1:]
            changed.add(number)
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Small talk now and then, and an agent of the same service that mostly answers by itself."""
    numbers = chance.sample(range(len(stories)), len(stories) // 2)
    for number in numbers[:3]:
        stories[number].turns = stories[number].turns[-1:]
        stories[number].turns[0].text = "You are welcome. Have a nice day!"
    for number in numbers[3:]:
        stories[number].agent = "concierge"
        if chance.random() < 0.5:
            stories[number].turns = stories[number].turns[-1:]
            stories[number].turns[0].text = "Our shop is open from nine to five."
