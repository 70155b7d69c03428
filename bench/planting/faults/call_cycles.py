"""The same few calls round and round, each round with what the one before already brought."""

import random

from bench.planting.story import Call, Story, Turn, nothing_but


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A quarter of the runs ask for an order and then for the policy, three to five times over."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 4))
    for number in changed:
        order = {"order_id": f"B-{number}"}
        turns = []
        for _ in range(chance.randrange(3, 6)):
            turns.append(Turn(calls=[Call("find_order", order, f"order B-{number} is locked")]))
            turns.append(Turn(calls=[Call("read_policy", {"topic": "locks"}, "See the order for who holds the lock.")]))
        stories[number].turns[:0] = turns
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Waiting and polling in turns, a change and a test in turns, and two rounds of one thing."""
    extra = {"wait": nothing_but("wait", seconds="integer"), "edit": nothing_but("edit", "patch")}
    for story in chance.sample(stories, len(stories) // 2):
        story.tools = {**story.tools, **extra, "run_tests": nothing_but("run_tests")}
        kind, turns = chance.randrange(3), []
        for at in range(2 if kind == 2 else 4):
            if kind == 0:
                turns.append(Turn(calls=[Call("wait", {"seconds": 5}, "waited")]))
                turns.append(Turn(calls=[Call("job_status", {"job": "export"}, f'{{"percent": {20 * at + 5}}}')]))
            elif kind == 1:
                turns.append(Turn(calls=[Call("edit", {"patch": f"line {at}"}, "changed")]))
                turns.append(Turn(calls=[Call("run_tests", {}, f"{4 - at} tests fail")]))
            else:
                turns.append(Turn(calls=[Call("find_order", {"order_id": "B-7"}, "order B-7 is packed")]))
                turns.append(
                    Turn(calls=[Call("read_policy", {"topic": "packing"}, "Packed goods leave within a day.")])
                )
        story.turns[:0] = turns
