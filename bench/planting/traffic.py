"""Healthy traffic of a shop's support agent, seeded: varied, now and then failing and recovering, never systemic.

What healthy agents do and detectors have to bear: they page through lists, poll until something is done, get an
error and try again, say no where the policy says no, and answer small talk without any tool.
"""

import random
from collections.abc import Callable

from bench.planting.story import Call, Story, Turn, nothing_but

SYSTEM = "You are the support agent of a shop. Look things up before you answer. Refunds follow the policy."
TOOLS = {
    "find_order": nothing_but("find_order", "order_id"),
    "list_orders": nothing_but("list_orders", "customer", page="integer"),
    "read_policy": nothing_but("read_policy", "topic"),
    "refund": nothing_but("refund", "order_id", amount="number"),
    "job_status": nothing_but("job_status", "job"),
    "send_mail": nothing_but("send_mail", "to", "body"),
}
_GOODS = ("kettle", "lamp", "desk", "chair", "radio", "tent", "bicycle", "carpet", "mirror", "drill", "piano", "clock")
_NAMES = ("Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo", "Kit", "Lou", "Mia", "Ned", "Ola")
_TOPICS = ("returns", "shipping", "warranty", "gift cards", "repairs")
_EVERY_S = 90.0


def traffic(seed: int, runs: int) -> list[Story]:
    """So many healthy runs; the same seed tells the same stories."""
    chance = random.Random(seed)
    return [_story(chance, number) for number in range(runs)]


def _story(chance: random.Random, number: int) -> Story:
    kinds: tuple[Callable[[random.Random], Story], ...] = (_order, _order, _refund, _paging, _polling, _policy)
    story = chance.choice(kinds)(chance)
    story.started_s = number * _EVERY_S + chance.uniform(0, 30)
    story.session = f"session-{chance.randrange(10**9)}"
    for turn in story.turns:
        turn.seconds = chance.lognormvariate(0, 0.3)
        for call in turn.calls:
            call.seconds = chance.lognormvariate(-1.5, 0.3)
    if chance.random() < 0.04:
        stumble(story, chance)
    return story


def stumble(story: Story, chance: random.Random) -> None:
    """One call fails for a moment; the agent tries again and succeeds, as a robust one does."""
    turn = next((turn for turn in story.turns if turn.calls), None)
    if turn is None:
        return
    good = turn.calls[0]
    bad = Call(
        good.tool, good.arguments, "", error=f"503 upstream busy, node {chance.randrange(99)}", error_type="Busy"
    )
    again = Turn(calls=[good], text="The service was busy, so I try again.")
    turn.calls = [bad, *turn.calls[1:]]
    story.turns.insert(story.turns.index(turn) + 1, again)


def _order_id(chance: random.Random) -> str:
    return f"A-{chance.randrange(10_000, 99_999)}"


def _told(turns: list[Turn], user: str, answer: str) -> Story:
    return Story([*turns, Turn(answer)], user, SYSTEM, TOOLS)


def _order(chance: random.Random) -> Story:
    order, goods, day = _order_id(chance), chance.choice(_GOODS), chance.randrange(1, 28)
    found = f'{{"order": "{order}", "item": "{goods}", "state": "shipped", "arrives": "2026-03-{day:02}"}}'
    turns = [Turn(calls=[Call("find_order", {"order_id": order}, found)])]
    return _told(turns, f"Where is my order {order}?", f"Your {goods} was shipped; it arrives on 2026-03-{day:02}.")


def _refund(chance: random.Random) -> Story:
    order, goods, amount = _order_id(chance), chance.choice(_GOODS), chance.randrange(20, 400)
    topic, days = "returns", chance.randrange(2, 60)
    found = f'{{"order": "{order}", "item": "{goods}", "paid": {amount}, "delivered_days_ago": {days}}}'
    turns = [
        Turn(calls=[Call("find_order", {"order_id": order}, found)]),
        Turn(calls=[Call("read_policy", {"topic": topic}, "Goods may be returned within 30 days of delivery.")]),
    ]
    if days > 30:
        answer = f"I cannot refund the {goods}: it was delivered {days} days ago, and returns end after 30 days."
        return _told(turns, f"I want my money back for {order}.", answer)
    done = f'{{"refunded": {amount}, "order": "{order}"}}'
    turns.append(Turn(calls=[Call("refund", {"order_id": order, "amount": amount}, done)]))
    return _told(turns, f"I want my money back for {order}.", f"I have refunded {amount} for the {goods}.")


def _paging(chance: random.Random) -> Story:
    customer, pages = chance.choice(_NAMES), chance.randrange(2, 5)
    turns, orders = [], []
    for page in range(1, pages + 1):
        orders = [_order_id(chance) for _ in range(3)]
        text = ", ".join(f"{order} ({chance.choice(_GOODS)})" for order in orders)
        more = "more pages follow" if page < pages else "this is the last page"
        turns.append(Turn(calls=[Call("list_orders", {"customer": customer, "page": page}, f"{text}; {more}")]))
    return _told(
        turns, f"List all orders of {customer}.", f"{customer} has {pages} pages of orders, last {orders[-1]}."
    )


def _polling(chance: random.Random) -> Story:
    job, polls = f"job-{chance.randrange(1000, 9999)}", chance.randrange(2, 4)
    shares = sorted(chance.sample(range(5, 99), polls))
    turns = [Turn(calls=[Call("job_status", {"job": job}, f'{{"job": "{job}", "percent": {at}}}')]) for at in shares]
    turns.append(Turn(calls=[Call("job_status", {"job": job}, f'{{"job": "{job}", "percent": 100}}')]))
    return _told(turns, f"Tell me when {job} is done.", f"The export {job} is done: 100 percent.")


def _policy(chance: random.Random) -> Story:
    topic, days = chance.choice(_TOPICS), chance.randrange(10, 90)
    turns = [Turn(calls=[Call("read_policy", {"topic": topic}, f"On {topic}: {days} days, see the leaflet.")])]
    return _told(turns, f"What is your policy on {topic}?", f"Our policy on {topic} gives you {days} days.")
