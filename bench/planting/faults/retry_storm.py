"""After an error the very same call is made again and again, and fails in the same way."""

import random

from bench.planting.story import Call, Story, Turn


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A fifth of the runs call a dead service four to eight times in a row."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 5))
    for number in changed:
        story = stories[number]
        order = {"order_id": f"B-{number}"}
        story.turns[:0] = [
            Turn(calls=[Call("find_order", order, "", error="503 upstream connect error", error_type="HTTPError")])
            for _ in range(chance.randrange(4, 9))
        ]
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """One error, one more try, success."""
    for story in chance.sample(stories, 3):
        order = {"order_id": f"C-{chance.randrange(99)}"}
        failed = Call("find_order", order, "", error="429 too many requests", error_type="RateLimitError")
        story.turns[:0] = [Turn(calls=[failed]), Turn(calls=[Call("find_order", order, f"found {order}")])]
