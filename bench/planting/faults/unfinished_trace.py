"""Runs that never come to an end: their root, or the answer to a call, never arrives."""

import random

from bench.planting.story import Call, Story, Turn


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A fifth of the runs ask for a call that nobody carries out, and end there."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 5))
    for number in changed:
        story = stories[number]
        story.turns = [*story.turns[:-1], Turn(calls=[Call("refund", {"order_id": "D-1"}, "", vanishes=True)])]
        story.root_output = ""
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Final answers that are handed over as a call, as some frameworks do in every run."""
    for number, story in enumerate(stories):
        answer = Call("final_answer", {"answer": story.turns[-1].text}, "", vanishes=True)
        story.turns[-1] = Turn(calls=[answer])
        story.root_output = f"answer {number}"
