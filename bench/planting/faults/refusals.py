"""Runs in which the model refuses, is asked again and refuses again."""

import random

from bench.planting.story import Call, Story, Turn

_NO = (
    "I'm sorry, but I can't help with that.",
    "I'm unable to assist with this request.",
    "I cannot help you with that, as it is against our guidelines.",
)


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """In three of ten runs the model says no two or three times and does nothing."""
    changed = set(chance.sample(range(len(stories)), len(stories) * 3 // 10))
    for number in changed:
        stories[number].turns = [Turn(chance.choice(_NO)) for _ in range(chance.randrange(2, 4))]
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """The model looks things up and then says, once, that the policy does not allow it; or twice, of two things."""
    for story in chance.sample(stories, len(stories) // 3):
        days = chance.randrange(31, 90)
        rule = Call("read_policy", {"topic": "returns"}, f"Returns end after {days} days.")
        story.turns[-1] = Turn("I'm sorry, but I cannot refund this: returns have ended.", calls=[rule])
        if chance.random() < 0.5:
            story.turns.append(Turn(f"I'm sorry, but I cannot help with this: {days} days are over."))
        else:
            story.turns.append(Turn(f"Returns end after {days} days."))
