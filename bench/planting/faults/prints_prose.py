"""Code that only prints what the model already believes."""

import random

from bench.planting.story import Story

_BELIEF = "The parcel was delivered yesterday at noon and the customer was told about it by mail the same day"


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """In three of ten runs the answer is a program that prints prose."""
    changed = set(chance.sample(range(len(stories)), len(stories) * 3 // 10))
    for number in changed:
        answer = stories[number].turns[-1]
        answer.text = f"Here is what I found:\n```python\nprint('{_BELIEF}, as order {number} shows.')\n```"
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Programs that compute what they print, and such as print a word."""
    for story in chance.sample(stories, len(stories) // 2):
        code = chance.choice(("total = sum(prices)\nprint('The total is', total)", "print('done')"))
        story.turns[-1].text = f"This does it:\n```python\n{code}\n```"
