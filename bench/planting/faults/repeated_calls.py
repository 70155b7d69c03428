"""The same call again and again, and the same question in hardly other words, with the same answer."""

import random

from bench.planting.story import Call, Story, Turn, nothing_but

_NOTHING = "The catalogue holds nothing of that kind in the department of"
_DEPARTMENTS = ("garden", "kitchen", "office", "sports", "music", "toys", "light", "travel", "books", "baby")


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A quarter of the runs repeat a call three to six times, word for word or nearly so."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 4))
    for number in changed:
        times = chance.randrange(3, 7)
        if chance.random() < 0.5:
            calls = [
                Call("find_order", {"order_id": f"B-{number}"}, f"order B-{number} is locked") for _ in range(times)
            ]
        else:
            place = f"{chance.choice(_DEPARTMENTS)} of branch {number}"
            words = f"a small steel kettle with a long lead from the {place}"
            ends = ("", ".", "?", " please", ", all", " now")
            calls = [Call("search", {"query": words + end}, f"{_NOTHING} {place}") for end in ends[:times]]
            stories[number].tools = {**stories[number].tools, "search": nothing_but("search", "query")}
        stories[number].turns[:0] = [Turn(calls=[call]) for call in calls]
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Polls with a wait between, pages of a list, mails that differ in a word, and looking again after a change."""
    extra = {"wait": nothing_but("wait", seconds="integer"), "edit": nothing_but("edit", "patch")}
    for number, story in enumerate(stories):
        story.tools = {**story.tools, **extra}
        kind, turns = chance.randrange(6), []
        if kind == 0:
            for percent in range(5, 100, 30):
                turns.append(Turn(calls=[Call("wait", {"seconds": 5}, "waited")]))
                turns.append(
                    Turn(calls=[Call("job_status", {"job": f"export-{number}"}, f"done to {percent} percent")])
                )
        elif kind == 1:
            for name in ("Ada", "Bo", "Cleo", "Dan"):
                body = f"Dear {name}, your parcel of this week has left our house and will arrive soon."
                turns.append(Turn(calls=[Call("send_mail", {"to": f"{name}@example.com", "body": body}, "sent")]))
        elif kind == 2:
            for page in range(1, 5):
                arguments = {"customer": "the customer with the long name", "page": page}
                turns.append(Turn(calls=[Call("list_orders", arguments, f"page {page} of branch {number}: 10 orders")]))
        elif kind == 3:
            order = Call("find_order", {"order_id": f"B-{number}"}, f"order B-{number} is open")
            turns = [Turn(calls=[order]), Turn(calls=[Call("edit", {"patch": f"note {number}"}, f"noted {number}")])]
            turns.append(Turn(calls=[Call(order.tool, order.arguments, order.result)]))
        story.turns[:0] = turns
