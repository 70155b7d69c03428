"""One search after another, in ever other words, that finds nothing."""

import random

from bench.planting.story import Call, Story, Turn, nothing_but

_WORDS = ("kettle", "lamp shade", "blue desk", "folding chair", "tent pegs", "drill bits", "piano stool", "wall clock")


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A quarter of the runs search five to eight times in a row; some results say it in other words."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 4))
    for number in changed:
        story, turns = stories[number], []
        story.tools = {**story.tools, "search": nothing_but("search", "query")}
        for at in range(chance.randrange(5, 9)):
            nothing = "Nothing in the catalogue fits what you are looking for." + (" Sorry!" if at % 3 == 2 else "")
            turns.append(Turn(calls=[Call("search", {"query": f"{_WORDS[at]} of branch {number}"}, nothing)]))
        story.turns[:0] = turns
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Batches of lookups and of mails, progress under ever new request ids, and four fruitless searches."""
    for number, story in enumerate(stories):
        story.tools = {**story.tools, "search": nothing_but("search", "query")}
        kind, turns = chance.randrange(8), []
        for at in range(4 if kind == 3 else 7):
            if kind == 0:
                found = f'{{"order": "B-{number}{at}", "item": "kettle", "state": "shipped"}}'
                turns.append(Turn(calls=[Call("find_order", {"order_id": f"B-{number}{at}"}, found)]))
            elif kind == 1:
                mail = {"to": f"customer{at}@example.com", "body": f"Your parcel {number}{at} is on its way."}
                turns.append(Turn(calls=[Call("send_mail", mail, "sent")]))
            elif kind == 2:
                asked = {"job": f"export-{number}", "request_id": f"{chance.randrange(10**9)}"}
                turns.append(Turn(calls=[Call("job_status", asked, f"the export is done to {at * 12 + 5} percent")]))
            elif kind == 3:
                turns.append(Turn(calls=[Call("search", {"query": f"{_WORDS[at]} {number}"}, "nothing found")]))
        story.turns[:0] = turns
