"""Answers full of numbers and names that nothing in the run holds."""

import random

from bench.planting.story import Story


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Three of ten answers name orders, amounts and people that no tool and no question named."""
    changed = set(chance.sample(range(len(stories)), len(stories) * 3 // 10))
    for number in changed:
        orders = [f"B-{chance.randrange(10_000, 99_999)}" for _ in range(4)]
        amounts = [chance.randrange(1_000, 9_999) for _ in range(4)]
        paid = ", ".join(
            f"{order} for {amount} by Quentin Xaver" for order, amount in zip(orders, amounts, strict=True)
        )
        stories[number].turns[-1].text = f"We found these payments: {paid}."
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Answers that repeat what the tools said, beside a number of their own."""
    for story in chance.sample(stories, len(stories) // 2):
        results = " ".join(call.result for call in story.calls)
        story.turns[-1].text = f"{results} That makes {chance.randrange(100, 999)} in all."
