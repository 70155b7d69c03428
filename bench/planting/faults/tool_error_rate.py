"""A tool that fails far more often than the agent's other tools, with errors of many kinds."""

import random

from bench.planting.story import Story

RUNS = 120
"""A rate that is surely twice that of the other tools takes more calls than a few runs make."""
_KINDS = ("TimeoutError", "ConnectionError", "ValueError", "OSError", "RuntimeError", "LookupError", "EOFError")


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """Half of the calls of read_policy fail."""
    changed = set()
    for number, story in enumerate(stories):
        for call in story.calls:
            if call.tool == "read_policy" and chance.random() < 0.5:
                call.error_type = chance.choice(_KINDS)
                call.error = f"{call.error_type}: the {chance.choice(('shelf', 'leaflet', 'index'))} gave up"
                changed.add(number)
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Every tool fails once or twice in a hundred calls: none more than others."""
    for story in stories:
        for call in story.calls:
            if chance.random() < 0.01:
                call.error, call.error_type = "the service is being restarted", "Busy"
