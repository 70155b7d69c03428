"""Conversations: the threads that runs live in; their assistant messages are the reports."""

from pydantic import Field

from api.asking import Answer, Asked, Doors, RequestError, not_found
from api.objects import plain_model
from api.paging import Page, listed
from api.runs import require_endpoint
from domain.component import ComponentConfig
from domain.runs import DEFAULT_MAX_SUBAGENT_DEPTH, DEFAULT_MAX_TURNS, Effort

_NO_MODEL = "a question needs a model to answer it; set engine.model in halo.yaml, or give model_id"


class NewQuestion(ComponentConfig):
    """The body of POST /conversations/{id}/runs: a question, and how it is looked into."""

    prompt: str = Field(min_length=1, max_length=100_000)
    model_id: str | None = Field(default=None, max_length=200)
    max_subagent_depth: int = Field(default=DEFAULT_MAX_SUBAGENT_DEPTH, ge=1, le=5)
    max_turns: int = Field(default=DEFAULT_MAX_TURNS, ge=1, le=100)
    reasoning_effort: Effort | None = None
    budget_tokens: int | None = Field(default=None, ge=1)
    budget_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    budget_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)


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


def ask_in_conversation(doors: Doors, asked: Asked) -> Answer:
    """Queue a run that answers a question in a conversation, over the window of its latest run."""
    body = asked.content(NewQuestion)
    wanted = asked.place["id"]
    conversation = doors.control.conversation(wanted)
    if conversation is None:
        raise not_found("conversation", wanted)
    if not conversation.datasets:
        raise RequestError(409, f"conversation {conversation.id} has no run to ask about")
    latest = doors.control.run(conversation.datasets[-1].run_id)
    if latest is None:
        raise RequestError(409, f"conversation {conversation.id} has no run to ask about")
    model_id = body.model_id or latest.options.model_id
    if not (model_id or doors.model):
        raise RequestError(409, _NO_MODEL)
    require_endpoint(doors, model_id or doors.model)
    options = latest.options.model_copy(update={**body.model_dump(), "model_id": model_id, "no_model": False})
    run = doors.control.create_run(
        conversation.agent_uuid,
        latest.window,
        options,
        title=conversation.title,
        origin="follow_up",
        conversation_id=conversation.id,
    )
    if run is None:
        raise RequestError(409, "this question is already waiting")
    return Answer(plain_model(run), status=201, headers={"Location": f"/api/v1/runs/{run.id}"})
