"""Calls that wait for each other though neither needs the other's result."""

import random

from bench.planting.story import Call, Story, Turn


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """In three of ten runs two slow policies are read one after the other."""
    changed = set(chance.sample(range(len(stories)), len(stories) * 3 // 10))
    for number in changed:
        first, second = chance.sample(("returns", "shipping", "warranty", "repairs"), 2)
        calls = [
            Call("read_policy", {"topic": topic}, f"{chance.randrange(10, 90)} days.", seconds=chance.uniform(2, 5))
            for topic in (first, second)
        ]
        last = stories[number].turns[-1]
        together = [Turn(calls=calls)] if chance.random() < 0.5 else [Turn(calls=[call]) for call in calls]
        stories[number].turns = [*together, last]
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Slow calls that go on with what the call before found, slow pages, and slow refunds."""
    for number in chance.sample(range(len(stories)), len(stories) // 2):
        seconds, code = chance.uniform(2, 5), f"leaflet-{chance.randrange(10**6, 10**7)}"
        kind = number % 3
        if kind == 0:
            first = Call("read_policy", {"topic": "returns"}, f"See {code}.", seconds=seconds)
            calls = [first, Call("read_policy", {"topic": code}, "Ask the manager.", seconds=seconds)]
        elif kind == 1:
            calls = [
                Call("list_orders", {"customer": "Ada", "page": page}, f"{page} of 2", seconds=seconds)
                for page in (1, 2)
            ]
        else:
            calls = [
                Call("refund", {"order_id": f"A-{at}", "amount": at}, "done", seconds=seconds) for at in (100, 200)
            ]
        stories[number].turns = [*(Turn(calls=[call]) for call in calls), stories[number].turns[-1]]
