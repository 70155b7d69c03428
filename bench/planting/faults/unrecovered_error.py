"""A tool fails and never works again in that run, and the agent ends all the same."""

import random

from bench.planting.story import Story


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Three of ten runs lose their last call."""
    changed = set(chance.sample([at for at, story in enumerate(stories) if story.calls], len(stories) * 3 // 10))
    for number in changed:
        call = stories[number].calls[-1]
        call.error, call.error_type = f"TimeoutError: no answer from shard {number % 4}", "TimeoutError"
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Failures of which every one is followed by a success of the same tool."""
    for story in chance.sample(stories, 3):
        calls = [turn for turn in story.turns if turn.calls]
        if calls:
            bad = calls[0].calls[0]
            story.turns.insert(0, type(calls[0])(calls=[type(bad)(bad.tool, bad.arguments, "", error="503 busy")]))
