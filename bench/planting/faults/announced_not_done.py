"""Runs that end on an announcement, of an agent that normally does a lot."""

import random

from bench.planting.story import Call, Story, Turn

_ANNOUNCED = (
    "I'll look up your order first and then check the policy. Let me start with the order.",
    "Let me begin by finding the orders of this customer.",
    "First I need to read the policy. I will do that now.",
)


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Every run looks more things up; a quarter of them end on what they are going to do, before the first call."""
    _work_more(stories, chance)
    changed = set(chance.sample(range(len(stories)), len(stories) // 4))
    for number in changed:
        stories[number].turns = [Turn(chance.choice(_ANNOUNCED))]
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """The same agent with short runs, a few questions back, and answers that end on an announcement after the work."""
    _work_more(stories, chance)
    numbers = chance.sample(range(len(stories)), len(stories) // 2)
    for number in numbers[:3]:
        stories[number].turns = [Turn("Could you please tell me the number of your order?")]
    for number in numbers[3:15]:
        stories[number].turns = [stories[number].turns[0], Turn("I have looked it up: it is packed.")]
    for number in numbers[15:]:
        stories[number].turns[-1].text += " I'll keep an eye on it."


def _work_more(stories: list[Story], chance: random.Random) -> None:
    for number, story in enumerate(stories):
        for at in range(chance.randrange(3, 7)):
            order = f"C-{number}{at}"
            found = Call("find_order", {"order_id": order}, f"order {order} holds {chance.randrange(1, 9)} goods")
            story.turns.insert(0, Turn(calls=[found]))
