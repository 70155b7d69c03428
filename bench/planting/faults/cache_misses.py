"""A new version whose calls no longer profit from the provider's cache."""

import random

from bench.planting.story import Story

_FIRST, _MORE = 4_000, 300


def _cached(story: Story, share: float) -> None:
    """A long prompt of which later calls read a share from the cache."""
    for at, turn in enumerate(story.turns):
        turn.input_tokens = _FIRST + _MORE * at
        turn.cached_tokens = round(share * (turn.input_tokens - _MORE)) if at else 0


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """The later four of ten runs are of version 1.1, which hardly reads anything from the cache."""
    begins = len(stories) * 6 // 10
    for number, story in enumerate(stories):
        is_new = number >= begins
        story.version = "1.1" if is_new else "1.0"
        _cached(story, chance.uniform(0, 0.04) if is_new else chance.uniform(0.85, 0.98))
    return set(range(begins, len(stories)))


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """A new version that is asked short questions only: one call a run, which nothing can have cached."""
    begins = len(stories) * 6 // 10
    for number, story in enumerate(stories):
        if number >= begins:
            story.version, story.turns = "1.1", story.turns[-1:]
        _cached(story, chance.uniform(0.75, 0.98))
