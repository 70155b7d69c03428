"""The shop's data: customers, orders and help articles, drawn from a random source."""

from dataclasses import dataclass
from random import Random

PRODUCTS = ("kettle", "toaster", "grinder", "blender", "juicer", "scale", "steamer", "griddle")
TOPICS = ("returns", "warranty", "shipping", "cleaning")

_FIRST_NAMES = ("Ada", "Bruno", "Chidi", "Dana", "Emre", "Freya", "Goran", "Hana", "Ines", "Jun", "Kofi", "Lena")
_LAST_NAMES = ("Aalto", "Bianchi", "Costa", "Dvorak", "Eriksen", "Fofana", "Garcia", "Horvat", "Ito", "Jansen")
_RULES = {
    "returns": "can be sent back within {days} days, unused and in its box; the label is in your account.",
    "warranty": "is covered for {months} months from the day of delivery; wear of seals is not included.",
    "shipping": "leaves our warehouse within {days} days and is insured up to {amount} EUR on the way.",
    "cleaning": "should be descaled every {days} days; do not put the base under running water.",
}


@dataclass(frozen=True)
class Customer:
    """Who bought something."""

    id: str
    name: str
    email: str
    since: int


@dataclass(frozen=True)
class Order:
    """One product bought by one customer; money is in euro cents."""

    id: str
    customer_id: str
    product: str
    amount_cents: int
    status: str


@dataclass(frozen=True)
class Article:
    """One page of help."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Shop:
    """Everything the tools can look at, by id."""

    customers: dict[str, Customer]
    orders: dict[str, Order]
    articles: tuple[Article, ...]


def open_shop(rng: Random, customers: int = 24, orders: int = 60) -> Shop:
    """A shop with that many customers and orders, and an article for every topic and product."""
    people = [_customer(rng, number) for number in rng.sample(range(1000, 9999), customers)]
    bought = [_order(rng, number, rng.choice(people)) for number in rng.sample(range(10000, 99999), orders)]
    return Shop(
        customers={customer.id: customer for customer in people},
        orders={order.id: order for order in bought},
        articles=tuple(_article(rng, topic, product) for topic in TOPICS for product in PRODUCTS),
    )


def _customer(rng: Random, number: int) -> Customer:
    first, last = rng.choice(_FIRST_NAMES), rng.choice(_LAST_NAMES)
    email = f"{first}.{last}{number}@example.com".lower()
    return Customer(f"C-{number}", f"{first} {last}", email, rng.randint(2015, 2025))


def _order(rng: Random, number: int, customer: Customer) -> Order:
    status = rng.choice(("in transit", "delivered", "being packed", "waiting for stock"))
    return Order(f"A-{number}", customer.id, rng.choice(PRODUCTS), rng.randint(1500, 32000), status)


def _article(rng: Random, topic: str, product: str) -> Article:
    rule = _RULES[topic].format(
        days=rng.randint(7, 60), months=rng.choice((12, 24, 36)), amount=rng.randint(2, 9) * 100
    )
    return Article(f"H-{rng.randint(100, 999)}-{topic[:3]}", f"{topic} for the {product}", f"The {product} {rule}")
