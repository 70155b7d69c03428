"""Runs that are cut off because they took as many steps as they may."""

import random

from bench.planting.story import Call, Story, Turn

_MOST = 8
_SAID = ("Agent stopped: maximum number of steps reached", "Reached max turns (8) without a final answer")


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A third of the runs read policy after policy until the limit ends them."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 3))
    for story in stories:
        story.max_steps = _MOST
    for number in changed:
        story = stories[number]
        story.turns = [
            Turn(calls=[Call("read_policy", {"topic": f"topic {at} of {number}"}, f"See leaflet {number}-{at}.")])
            for at in range(_MOST)
        ]
        story.root_error = chance.choice(_SAID)
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Tools that time out and end the run; and runs that answer in the very last step they may take."""
    for story in chance.sample(stories, 3):
        slow = Call("job_status", {"job": "j-1"}, "", error="Request timed out after 30 s", error_type="TimeoutError")
        story.turns.insert(0, Turn(calls=[slow]))
        story.root_error = "Request timed out after 30 s"
    for story in chance.sample(stories, len(stories) // 3):
        story.max_steps = len(story.turns)
