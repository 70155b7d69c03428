"""Runs that use one tool fail far more often than others, by their evaluation."""

import random

from bench.planting.story import Call, Story, Turn

RUNS = 120
_SHARE, _FAILS_WITH, _FAILS_WITHOUT = 0.3, 0.75, 0.12


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Three runs of ten send a mail; three of four of those fail, of the others one of eight."""
    planted = set()
    for at, story in enumerate(stories):
        mails = chance.random() < _SHARE
        if mails:
            _mail(story, chance)
            planted.add(at)
        story.passed = chance.random() >= (_FAILS_WITH if mails else _FAILS_WITHOUT)
    return planted


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """A version that fails more often also sends more mails; within each version mails make no difference."""
    for at, story in enumerate(stories):
        is_new = at >= len(stories) // 2
        story.version = "2.0" if is_new else "1.0"
        if chance.random() < (0.7 if is_new else 0.2):
            _mail(story, chance)
        story.passed = chance.random() >= (0.6 if is_new else 0.15)


def _mail(story: Story, chance: random.Random) -> None:
    """One more call before the answer."""
    to, number = f"customer{chance.randrange(10**6)}@example.com", chance.randrange(10**6)
    call = Call("send_mail", {"to": to, "body": story.turns[-1].text}, f'{{"sent": true, "number": {number}}}')
    story.turns.insert(len(story.turns) - 1, Turn(calls=[call]))
