"""Runs with a model, asked for over the API: options, further questions, making a run again, and who can be asked."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from api.server import ApiServer, Config
from domain.runs import Conversation, Dataset, Run
from tests.api.fakes import NOW, RESEARCHER, FakeControl, FakeWindow
from tests.api.test_api import ANYWHERE, Asker


class TalkingControl(FakeControl):
    """Conversations are what their runs are."""

    def conversation(self, id_prefix: str) -> Conversation | None:
        runs: list[Run] = [run for run in self.all_runs.values() if run.conversation_id == id_prefix]
        if not runs:
            return None
        datasets = [
            Dataset(run_id=run.id, agent_uuid=run.agent_uuid, window=run.window, traces=1, spans=3) for run in runs
        ]
        return Conversation(
            id=id_prefix,
            title="researcher",
            agent_uuid=RESEARCHER.uuid,
            created_at=NOW,
            updated_at=NOW,
            datasets=tuple(datasets),
        )

    def create_run(self, *args: Any, conversation_id: str | None = None, **rest: Any) -> Run:
        made = super().create_run(*args, **rest)
        if conversation_id is not None:
            self.set_run(made.id, conversation_id=conversation_id)
        return self.all_runs[made.id]


async def serving(model: str | None, can_ask: bool, use: Callable[[Asker], Any]) -> None:
    """Let `use` speak to a server with this model and endpoint."""
    control = TalkingControl()
    async with (
        ApiServer(
            Config(endpoint=ANYWHERE),
            window=FakeWindow(),  # type: ignore[arg-type]
            control=control,  # type: ignore[arg-type]
            now=lambda: NOW,
            model=model,
            can_ask=can_ask,
        ) as server,
        aiohttp.ClientSession() as session,
    ):
        await use(Asker(session, f"http://{server.endpoint}/api/v1", control))


async def test_a_question_becomes_a_run_over_the_same_window_in_the_same_conversation() -> None:
    """An answer about other traces than the report's would mislead."""

    async def use(api: Asker) -> None:
        first = await api.run(no_model=True, span_limit=7)
        status, made = await api.ask(
            "POST", f"/conversations/{first['conversation_id']}/runs", json={"prompt": "Why?", "budget_usd": 0.5}
        )

        assert status == 201
        assert (made["origin"], made["conversation_id"]) == ("follow_up", first["conversation_id"])
        assert made["window"] == first["window"]
        options = made["options"]
        assert (options["prompt"], options["no_model"], options["span_limit"]) == ("Why?", False, 7)
        assert options["budget_usd"] == 0.5

    await serving("m", True, use)


async def test_a_question_goes_to_the_model_that_the_conversation_used_unless_told_otherwise() -> None:
    """A run with a model of its own is asked on without naming it again."""

    async def use(api: Asker) -> None:
        first = await api.run(model_id="own")
        path = f"/conversations/{first['conversation_id']}/runs"
        _, same = await api.ask("POST", path, json={"prompt": "Why?"})
        _, other = await api.ask("POST", path, json={"prompt": "Why?", "model_id": "other"})

        assert (same["options"]["model_id"], other["options"]["model_id"]) == ("own", "other")

    await serving(None, True, use)


@pytest.mark.parametrize(
    ("model", "can_ask", "said"), [(None, True, "set engine.model"), ("m", False, "OPENAI_API_KEY")]
)
async def test_a_question_that_nobody_can_answer_is_refused_with_what_to_configure(
    model: str | None, can_ask: bool, said: str
) -> None:
    """A run that is bound to end without an answer is not begun."""

    async def use(api: Asker) -> None:
        first = await api.run()
        status, body = await api.ask("POST", f"/conversations/{first['conversation_id']}/runs", json={"prompt": "Why?"})

        assert status == 409
        assert said in str(body)
        assert len(api.control.all_runs) == 1
        assert (await api.ask("POST", "/conversations/none/runs", json={"prompt": "Why?"}))[0] == 404

    await serving(model, can_ask, use)


async def test_only_an_ended_run_is_made_again_with_its_window_and_options() -> None:
    """Two of the same at once would be paid twice."""

    async def use(api: Asker) -> None:
        first = await api.run(prompt="Why?", max_turns=7)
        early, _ = await api.ask("POST", f"/runs/{first['id']}/retry")
        api.control.set_run(first["id"], status="incomplete")
        status, again = await api.ask("POST", f"/runs/{first['id']}/retry")

        assert (early, status) == (409, 201)
        assert (again["window"], again["options"], again["origin"]) == (first["window"], first["options"], "manual")
        assert again["conversation_id"] != first["conversation_id"]

    await serving(None, False, use)


@pytest.mark.parametrize(
    "wrong", [{"reasoning_effort": "huge"}, {"budget_usd": 0}, {"budget_tokens": 0}, {"budget_seconds": -1}]
)
async def test_options_of_a_model_are_checked_when_a_run_is_asked_for(wrong: dict[str, Any]) -> None:
    """A mistake is told at once, not by a run that fails later."""

    async def use(api: Asker) -> None:
        status, body = await api.ask("POST", "/runs", json={"agent_uuid": RESEARCHER.uuid, **wrong})

        assert status == 400
        assert next(iter(wrong)) in str(body)

    await serving("m", True, use)
