"""The agent's tools: plain methods over the shop's data, and what the model is told about them."""

from dataclasses import asdict
from random import Random
from typing import Any

from openai.types.chat import ChatCompletionFunctionToolParam

from examples.demo_agent.shop import Article, Shop

FAILURE_PREFIX = "error: "
"""How the answer of a tool that failed begins, in the words the model is given."""
PAGE_SIZE = 3
SHARDS = 12

Json = dict[str, Any]


class UnknownToolError(Exception):
    """The model asked for a tool that was never declared."""


class OrderDesk:
    """The tools of one ticket; a search and its pages belong together.

    `outage` reads of customer records fail before the service behind them is up again.
    """

    def __init__(self, shop: Shop, outage: int, rng: Random) -> None:
        self._shop = shop
        self._outage = outage
        self._rng = rng
        self._hits: list[Article] = []
        self._page = 0

    def find_order(self, order_id: str) -> Json:
        """Look up an order by its number."""
        return asdict(self._shop.orders[order_id])

    def get_customer(self, customer_id: str) -> Json:
        """Read a customer's record."""
        if self._outage:
            self._outage -= 1
            shard, request = int(customer_id[2:]) % SHARDS, self._rng.randint(100000, 999999)
            raise ConnectionError(
                f"upstream returned 503 for shard {shard} while reading '{customer_id}' (request {request})"
            )
        return asdict(self._shop.customers[customer_id])

    def refund_order(self, order_id: str, amount_cents: int, reason: str) -> Json:
        """Pay the price of an order, or a part of it, back to the customer."""
        paid_back = min(amount_cents, self._shop.orders[order_id].amount_cents)
        return {"refund_id": f"R-{self._rng.randint(10000, 99999)}", "paid_back_cents": paid_back, "reason": reason}

    def search_docs(self, query: str) -> Json:
        """Search the help articles; answers with the first page."""
        words = query.lower().split()
        self._hits = [a for a in self._shop.articles if all(word in a.title.split() for word in words)]
        self._page = 0
        return self.next_page() | {"query": query}

    def next_page(self) -> Json:
        """Turn to the next page of the last search."""
        first = self._page * PAGE_SIZE
        self._page += 1
        return {
            "page": self._page,
            "pages": -(-len(self._hits) // PAGE_SIZE),
            "articles": [asdict(article) for article in self._hits[first : first + PAGE_SIZE]],
        }


TOOL_NAMES = ("find_order", "get_customer", "refund_order", "search_docs", "next_page")


def call_tool(desk: OrderDesk, name: str, arguments: Json) -> Json:
    """Call a declared tool the way a model asks for it, arguments by name."""
    if name not in TOOL_NAMES:
        raise UnknownToolError(f"unknown tool '{name}', there are: {', '.join(TOOL_NAMES)}")
    result: Json = getattr(desk, name)(**arguments)
    return result


def declaration(name: str, **parameters: str) -> ChatCompletionFunctionToolParam:
    """What the model is told about a tool; `parameters` are their JSON Schema types, all of them required."""
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": str(getattr(OrderDesk, name).__doc__),
            "parameters": {
                "type": "object",
                "properties": {key: {"type": kind} for key, kind in parameters.items()},
                "required": list(parameters),
                "additionalProperties": False,
            },
        },
    }


DECLARATIONS = (
    declaration("find_order", order_id="string"),
    declaration("get_customer", customer_id="string"),
    declaration("refund_order", order_id="string", amount_cents="integer", reason="string"),
    declaration("search_docs", query="string"),
    declaration("next_page"),
)
