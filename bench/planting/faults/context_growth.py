"""Runs whose context grows from turn to turn, most of it by one tool's results."""

import random

from bench.planting.story import Call, Story, Turn


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A third of the runs read six leaflets, the fourth of which is a whole book."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 3))
    for number in changed:
        story = stories[number]
        story.turns[-1:] = [*_reading(chance, number), story.turns[-1]]
        size = 2_000
        for turn in story.turns:
            turn.input_tokens = size
            size += sum(len(call.result) for call in turn.calls) // 4 + 200
    return changed


def _reading(chance: random.Random, number: int) -> list[Turn]:
    turns = []
    for at in range(6):
        topic = f"chapter {at} of {number}"
        text = f"Leaflet {number}-{at}: " + " ".join(f"line {chance.randrange(10**6)}" for _ in range(40))
        tool = "list_orders" if at == 3 else "read_policy"
        given = {"customer": f"all {number}", "page": 1} if at == 3 else {"topic": topic}
        turns.append(Turn(calls=[Call(tool, given, text * (90 if at == 3 else 1))]))
    return turns


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Runs as long that compact their history, so that it ends as small as it began."""
    for number in chance.sample(range(len(stories)), len(stories) // 3):
        story = stories[number]
        story.turns[-1:] = [*_reading(chance, number), story.turns[-1]]
        for at, turn in enumerate(story.turns):
            turn.input_tokens = 2_000 + 9_000 * (at % 4)
        story.turns[-1].input_tokens = 2_500
