"""The tickets of a run: what customers ask, and the conditions under which each is worked on.

A ticket never says that something fails. It says how long a backend is down, how patient the model is and
how it writes arguments; whether that becomes a fault shows when the agent works on it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from random import Random

from examples.demo_agent.shop import PRODUCTS, TOPICS, Shop
from examples.demo_agent.tally import Fault

FEWEST_TICKETS = 12

_UNKNOWN_TOPICS = ("gift wrapping", "price match", "trade-in bonus", "carbon offset", "student discount")
_REASONS = ("arrived broken", "is the wrong colour", "never turned up", "is louder than promised")


@dataclass(frozen=True)
class Mood:
    """How the model behaves on one ticket."""

    retries: int = 2
    """Times it tries a failing tool again."""
    repeats: int = 0
    """Times it sends a fruitless search again."""
    page_arguments: tuple[str, ...] = ()
    """The arguments it writes for `next_page`, one try after the other."""
    invents_tool: bool = False
    rambles: bool = False


@dataclass(frozen=True)
class Ticket:
    """A customer's question, within a chat session."""

    id: str
    session_id: str
    question: str
    mood: Mood
    outage: int = 0
    """Reads of the customer records that fail before the backend is up again."""


def draw_tickets(rng: Random, shop: Shop, count: int) -> list[Ticket]:
    """`count` tickets in random order; every kind of trouble comes to some of them, most have none.

    At least `FEWEST_TICKETS`, or there is no room for every kind.
    """

    def share(low: float, high: float) -> int:
        return max(1, round(count * rng.uniform(low, high)))

    fruitless, paged, narrow = share(0.05, 0.075), share(0.125, 0.15), share(0.15, 0.2)
    refunds = share(0.25, 0.3)
    states = count - fruitless - paged - narrow - refunds
    names = _names(rng)
    about_docs = [
        *(_fruitless(rng, next(names)) for _ in range(fruitless)),
        *(_paged(rng, next(names)) for _ in range(paged)),
        *(_narrow(rng, next(names)) for _ in range(narrow)),
    ]
    about_orders = [
        *(_refund(rng, shop, next(names)) for _ in range(refunds)),
        *(_status(rng, shop, next(names)) for _ in range(states)),
    ]
    for index in rng.sample(range(refunds), share(0.05, 0.075)):
        about_orders[index] = _in_mood(about_orders[index], invents_tool=True)
    for index in rng.sample(range(len(about_orders)), share(0.075, 0.1)):
        down = replace(about_orders[index], outage=rng.randint(1, 3))
        about_orders[index] = _in_mood(down, retries=rng.randint(0, 3))
    tickets = about_docs + about_orders
    for index in rng.sample(range(count), share(0.05, 0.075)):
        tickets[index] = _in_mood(tickets[index], rambles=True)
    rng.shuffle(tickets)
    return tickets


def mended(ticket: Ticket, fixed: Collection[Fault]) -> Ticket:
    """The ticket as it goes once these faults of the agent have been fixed; the question stays the same."""
    if Fault.FLAKY_BACKEND in fixed:
        ticket = replace(ticket, outage=0)
    if Fault.UNUSABLE_TOOL in fixed and ticket.mood.page_arguments:
        ticket = replace(ticket, mood=replace(ticket.mood, page_arguments=("{}",)))
    if Fault.LOOP in fixed:
        ticket = _in_mood(ticket, repeats=0)
    if Fault.TRUNCATED in fixed:
        ticket = _in_mood(ticket, rambles=False)
    if Fault.HALLUCINATED_TOOL in fixed:
        ticket = _in_mood(ticket, invents_tool=False)
    return ticket


def _in_mood(ticket: Ticket, **changes: int | bool) -> Ticket:
    return replace(ticket, mood=replace(ticket.mood, **changes))


def _names(rng: Random) -> Iterator[tuple[str, str]]:
    """Ticket and session ids; about every third ticket continues the session before it."""
    number, session = rng.randint(10000, 60000), ""
    while True:
        number += rng.randint(1, 40)
        if not session or rng.random() > 0.33:
            session = f"chat-{rng.getrandbits(48):012x}"
        yield f"T-{number}", session


def _fruitless(rng: Random, name: tuple[str, str]) -> Ticket:
    topic = rng.choice(_UNKNOWN_TOPICS)
    return Ticket(*name, f'Do you offer "{topic}"?', Mood(repeats=rng.randint(2, 5)))


def _paged(rng: Random, name: tuple[str, str]) -> Ticket:
    tries = tuple(_page_arguments(rng, number) for number in range(rng.randint(2, 5)))
    topic = rng.choice(TOPICS)
    return Ticket(*name, f'What are your rules on "{topic}", for every product?', Mood(page_arguments=tries))


def _page_arguments(rng: Random, number: int) -> str:
    """What a model writes that wants to name a page and was given no argument for it; seldom, nothing."""
    forms = ('{"": ""}', f'{{"page": {number + 2}}}', f'{{"page": "{number + 2}"}}')
    return "{}" if rng.random() < 0.04 else rng.choices(forms, weights=(6, 3, 1))[0]


def _narrow(rng: Random, name: tuple[str, str]) -> Ticket:
    topic = f"{rng.choice(TOPICS)} {rng.choice(PRODUCTS)}"
    return Ticket(*name, f'What do you say about "{topic}"?', Mood())


def _status(rng: Random, shop: Shop, name: tuple[str, str]) -> Ticket:
    order = shop.orders[rng.choice(sorted(shop.orders))]
    return Ticket(*name, f"Where is my {order.product}? The order is {order.id}.", Mood())


def _refund(rng: Random, shop: Shop, name: tuple[str, str]) -> Ticket:
    order = shop.orders[rng.choice(sorted(shop.orders))]
    question = f"My {order.product} {rng.choice(_REASONS)}. I want a refund for {order.id}."
    return Ticket(*name, question, Mood())
