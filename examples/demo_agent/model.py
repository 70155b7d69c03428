"""The scripted model: it decides the next step from the conversation, as a model does, in the ticket's mood.

It keeps no state between requests. What it knows of an order or an article it has read in a tool's answer.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.llm.scripted import CHARS_PER_TOKEN, Reply, ToolCall, estimate_tokens
from examples.demo_agent.tickets import Mood, Ticket
from examples.demo_agent.tools import FAILURE_PREFIX

_SMALL_TALK = (
    " Thank you for your patience, and for being our customer for so long. We know that waiting for an answer is"
    " never pleasant, which is why our whole team reads every single message with care. If there is anything"
    " else that you would like to know about our products, our shop, or the people who work here, please do not"
    " hesitate to write to us again at any time of the day. In the meantime you may enjoy our recipes, our"
    " seasonal newsletter with many ideas for the kitchen, and the stories that other customers have sent us."
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One tool call that is over; `result` is None when it failed."""

    tool: str
    result: Json | None


class SupportModel:
    """Answers chat completion requests about tickets it has been given the moods of."""

    def __init__(self, tickets: Iterable[Ticket]) -> None:
        self._moods: Mapping[str, Mood] = {ticket.id: ticket.mood for ticket in tickets}

    def respond(self, request: Json) -> Reply:
        """The next step in the conversation of a request; the first line of its user message is a ticket id."""
        messages = request["messages"]
        asked = next(message["content"] for message in messages if message["role"] == "user")
        ticket_id, question = asked.split("\n", 1)
        mood, steps = self._moods[ticket_id], _steps(messages)
        topic = re.search(r'"([^"]+)"', question)
        reply = _look_up(topic.group(1), mood, steps) if topic else _serve(question, mood, steps)
        if mood.rambles and reply.text is not None:
            reply = Reply(text=reply.text + _SMALL_TALK)
        return _within(reply, request["max_completion_tokens"])


def _steps(messages: list[Json]) -> list[Step]:
    answers = {m["tool_call_id"]: m["content"] for m in messages if m["role"] == "tool"}
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    return [Step(call["function"]["name"], _result(answers[call["id"]])) for call in calls]


def _result(answer: str) -> Json | None:
    return None if answer.startswith(FAILURE_PREFIX) else json.loads(answer)


def _tries(steps: list[Step], tool: str) -> int:
    return sum(step.tool == tool for step in steps)


def _latest(steps: list[Step], tool: str) -> Json | None:
    results = [step.result for step in steps if step.tool == tool and step.result is not None]
    return results[-1] if results else None


def _call(tool: str, **arguments: str | int) -> Reply:
    return Reply(tool_calls=[ToolCall(tool, json.dumps(arguments))])


def _look_up(topic: str, mood: Mood, steps: list[Step]) -> Reply:
    """Search the articles, turn their pages, answer from what was found."""
    found = _latest(steps, "search_docs")
    if found is None or (not found["articles"] and _tries(steps, "search_docs") <= mood.repeats):
        return _call("search_docs", query=topic)
    if not found["articles"]:
        return Reply(text=f"I could not find anything about {topic} in our help pages, I am sorry.")
    tried, turned = _tries(steps, "next_page"), _latest(steps, "next_page")
    if found["pages"] > 1 and turned is None and tried < len(mood.page_arguments):
        return Reply(tool_calls=[ToolCall("next_page", mood.page_arguments[tried])])
    articles = found["articles"] + (turned["articles"] if turned else [])
    return Reply(text=" ".join(article["text"] for article in articles[:3]))


def _serve(question: str, mood: Mood, steps: list[Step]) -> Reply:
    """Find the order, find its customer, do what was asked."""
    order = _latest(steps, "find_order")
    if order is None:
        number = re.search(r"A-\d+", question)
        return _call("find_order", order_id=number.group() if number else "")
    customer = _latest(steps, "get_customer")
    if customer is None:
        if _tries(steps, "get_customer") <= mood.retries:
            return _call("get_customer", customer_id=order["customer_id"])
        return Reply(text=f"I cannot reach our customer records about {order['id']} at the moment.")
    if "refund" in question:
        return _refund(question, order, customer, mood, steps)
    return Reply(text=f"Dear {customer['name']}, your {order['product']} ({order['id']}) is {order['status']}.")


def _refund(question: str, order: Json, customer: Json, mood: Mood, steps: list[Step]) -> Reply:
    if mood.invents_tool and not _tries(steps, "cancel_order"):
        return _call("cancel_order", order_id=order["id"])
    refund = _latest(steps, "refund_order")
    if refund is None:
        reason = question.split(".")[0].removeprefix("My ")
        return _call("refund_order", order_id=order["id"], amount_cents=order["amount_cents"], reason=reason)
    paid = f"{refund['paid_back_cents'] / 100:.2f} EUR"
    return Reply(text=f"Dear {customer['name']}, {paid} for {order['id']} are on their way ({refund['refund_id']}).")


def _within(reply: Reply, max_tokens: int) -> Reply:
    """The reply as the endpoint sends it: a text longer than the request allows is cut off."""
    if reply.text is None or estimate_tokens(reply.text) <= max_tokens:
        return reply
    return Reply(text=reply.text[: max_tokens * CHARS_PER_TOKEN], finish_reason="length")
