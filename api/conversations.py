"""Conversations: the threads that runs live in; their assistant messages are the reports."""

from api.asking import Answer, Asked, Doors, not_found
from api.objects import plain_model
from api.paging import Page, listed


def list_conversations(doors: Doors, asked: Asked) -> Answer:
    """Conversations without their messages, newest first."""
    query = asked.options(Page)
    return listed(
        query,
        lambda limit, offset: doors.control.conversations(limit=limit, offset=offset),
        lambda each: each.model_dump(mode="json", exclude={"messages", "runs", "datasets"}),
    )


def get_conversation(doors: Doors, asked: Asked) -> Answer:
    """One conversation with messages, runs (reports included) and datasets."""
    wanted = asked.place["id"]
    conversation = doors.control.conversation(wanted)
    if conversation is None:
        raise not_found("conversation", wanted)
    return Answer(plain_model(conversation))
