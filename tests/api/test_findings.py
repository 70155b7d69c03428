"""The register of findings over the control API: read, mute, acknowledge, and take that back."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from api.server import ApiServer, Config
from domain.endpoint import Endpoint
from store.control import SqliteControl
from tests.api.fakes import NOW, RESEARCHER, FakeWindow
from tests.api.test_api import Asker
from tests.store.control_kit import START, opened
from tests.store.findings_kit import a_finding, gone, told


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Asker]:
    with opened(tmp_path) as control:
        config = Config(endpoint=Endpoint("127.0.0.1", 0))
        async with (
            ApiServer(config, window=FakeWindow(), control=control, now=lambda: NOW) as server,
            aiohttp.ClientSession() as session,
        ):
            yield Asker(session, f"http://{server.endpoint}/api/v1", control)  # type: ignore[arg-type]


@pytest.fixture
def control(api: Asker) -> SqliteControl:
    store = api.control
    assert isinstance(store, SqliteControl)
    return store


async def test_a_finding_is_listed_and_read_whole(api: Asker, control: SqliteControl) -> None:
    """Lists are short, one finding is everything that is known of it."""
    first = told(control, a_finding("feed01"), agent=RESEARCHER.uuid)
    later = START + timedelta(days=1)
    last = told(control, gone(later, fingerprint="feed01"), at=later, agent=RESEARCHER.uuid)

    (listed,) = (await api.get("/findings"))["items"]
    whole = await api.get("/findings/feed")

    assert {name: whole[name] for name in listed} == listed
    assert (listed["fingerprint"], listed["status"], listed["severity"]) == ("feed01", "resolved", "high")
    assert (listed["first_report_id"], listed["report_id"]) == (first.report_id, last.report_id)
    assert (listed["agent"]["uuid"], listed["bound"], listed["mark"]) == (RESEARCHER.uuid, 0.075, "")
    assert [past["status"] for past in whole["history"]] == ["new", "resolved"]
    assert (whole["exemplar"]["quote"], whole["exemplar_report_id"]) == ("boom", first.report_id)
    assert whole["finding"] == last.findings[0].model_dump(mode="json")
    assert await api.get(f"/findings/{last.findings[0].id}") == whole


async def test_findings_are_filtered_and_paged(api: Asker, control: SqliteControl) -> None:
    """A script asks for what it wants to act on."""
    told(
        control,
        a_finding("f-high"),
        a_finding("f-low", severity="low"),
        a_finding("f-gone", severity="info", status="resolved"),
        agent=RESEARCHER.uuid,
    )
    await api.ask("POST", "/findings/f-low/ack", json={"reason": "known"})

    async def listed(query: str) -> list[str]:
        return [item["fingerprint"] for item in (await api.get(f"/findings?{query}"))["items"]]

    assert await listed("") == ["f-high", "f-low", "f-gone"]
    assert await listed("open=true") == ["f-high", "f-low"]
    assert await listed(f"agent={RESEARCHER.uuid[:8]}&status=resolved") == ["f-gone"]
    assert await listed("mark=acknowledged") == ["f-low"]
    assert await listed("mark=none") == ["f-high", "f-gone"]
    assert await listed("severity=low") == ["f-low"]
    assert (await api.get("/findings?limit=1"))["next_cursor"] == "1"
    assert await listed("limit=1&cursor=1") == ["f-low"]


async def test_a_mark_is_given_with_a_reason_and_taken_back(api: Asker, control: SqliteControl) -> None:
    """Who reads the report months later wants to know why."""
    told(control, a_finding("f-one"), agent=RESEARCHER.uuid)

    status, muted = await api.ask("POST", "/findings/f-one/mute", json={"reason": "  it goes in May "})
    again = await api.get("/findings/f-one")
    acknowledged = (await api.ask("POST", "/findings/f-one/ack", json={"reason": "known"}))[1]
    heard = await api.ask("POST", "/findings/f-one/unmute")
    twice, problem = await api.ask("POST", "/findings/f-one/unmute")

    assert (status, muted["mark"], muted["mark_reason"]) == (200, "muted", "it goes in May")
    assert again == muted
    assert (acknowledged["mark"], acknowledged["mark_reason"]) == ("acknowledged", "known")
    assert (heard[0], heard[1]["mark"], heard[1]["marked_at"]) == (200, "", None)
    assert (twice, problem["detail"]) == (409, "finding f-one is neither muted nor acknowledged")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/findings/none-such", None, 404, "no finding with id 'none-such'"),
        ("GET", "/findings/f-o", None, 409, "at least 4 characters"),
        ("GET", "/findings/f-two", None, 409, "several findings"),
        ("GET", "/findings?status=gone", None, 400, "status"),
        ("POST", "/findings/f-one/mute", None, 400, "reason"),
        ("POST", "/findings/f-one/ack", {"reason": " "}, 400, "reason"),
        ("POST", "/findings/f-one/mute", {"reason": "x" * 501}, 400, "reason"),
        ("POST", "/findings/none-such/mute", {"reason": "why"}, 404, "no finding"),
        ("POST", "/findings/none-such/unmute", None, 404, "no finding"),
    ],
)
async def test_what_cannot_be_done_is_said(
    api: Asker, control: SqliteControl, method: str, path: str, body: Any, status: int, said: str
) -> None:
    """Each answer names what is wrong."""
    told(control, a_finding("f-one"), a_finding("f-two1"), a_finding("f-two2"), agent=RESEARCHER.uuid)

    found, problem = await api.ask(method, path, json=body)

    assert found == status
    assert said in problem["detail"]
