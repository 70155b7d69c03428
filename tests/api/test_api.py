"""The control API over a real socket, asked the way scripts ask it."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from api.server import ApiServer, Config
from domain.endpoint import Endpoint
from domain.runs import RunEvent
from tests.api.fakes import CLERK, NOW, NOW_NS, RESEARCHER, FakeControl, FakeWindow
from tests.rendering.sample import a_report

ANYWHERE = Endpoint("127.0.0.1", 0)


class Asker:
    """Speaks to one API server."""

    def __init__(self, session: aiohttp.ClientSession, base: str, control: FakeControl) -> None:
        self.session, self.base, self.control = session, base, control

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self.session.request(method, f"{self.base}{path}", **options) as answer:
            return answer.status, json.loads(await answer.read())

    async def get(self, path: str) -> Any:
        status, body = await self.ask("GET", path)
        assert status == 200, body
        return body

    async def run(self, **body: Any) -> Any:
        status, made = await self.ask("POST", "/runs", json={"agent_uuid": RESEARCHER.uuid, **body})
        assert status == 201, made
        return made


@pytest.fixture
async def api() -> AsyncIterator[Asker]:
    control = FakeControl()
    config = Config(endpoint=ANYWHERE)
    async with (
        ApiServer(config, window=FakeWindow(), control=control, now=lambda: NOW) as server,
        aiohttp.ClientSession() as session,
    ):
        yield Asker(session, f"http://{server.endpoint}/api/v1", control)


async def test_agents_are_those_seen_within_the_range(api: Asker) -> None:
    """Whoever starts a run picks from this list; agents long gone would only be in the way."""
    recent, ever = await api.get("/agents"), await api.get("/agents?time_range=90d")

    assert recent == {
        "items": [
            {
                "uuid": RESEARCHER.uuid,
                "name": "researcher",
                "service": "gaia",
                "traces": 3,
                "spans": 12,
                "last_seen": "2025-03-02T12:00:00.000000Z",
            }
        ],
        "next_cursor": None,
    }
    assert [agent["name"] for agent in ever["items"]] == ["researcher", "clerk"]
    assert (await api.get(f"/agents/{CLERK.uuid[:6]}"))["name"] == "clerk"


async def test_an_agent_is_told_with_its_live_health() -> None:
    """One request answers how an agent is doing; the stretch of time is the asker's choice, an hour without one."""
    asked: list[tuple[str, int, int]] = []

    def health(agent_uuid: str, from_ns: int, to_ns: int) -> dict[str, int]:
        asked.append((agent_uuid, from_ns, to_ns))
        return {"traces": 3}

    server = ApiServer(
        Config(endpoint=ANYWHERE), window=FakeWindow(), control=FakeControl(), now=lambda: NOW, health=health
    )
    async with server, aiohttp.ClientSession() as session:
        asker = Asker(session, f"http://{server.endpoint}/api/v1", FakeControl())
        found = await asker.get(f"/agents/{CLERK.uuid}")
        await asker.get(f"/agents/{CLERK.uuid}?last=30m")
        wrong = [await asker.ask("GET", f"/agents/{CLERK.uuid}?last={last}") for last in ("soon", "59s", "9999d")]

    assert (found["name"], found["health"]) == ("clerk", {"traces": 3})
    assert asked == [(CLERK.uuid, NOW_NS - hours * 3_600 * 10**9 // 2, NOW_NS) for hours in (2, 1)]
    assert [status for status, _ in wrong] == [400, 400, 400]


async def test_without_a_follower_health_is_null(api: Asker) -> None:
    """Nobody counts is something else than nothing happened."""
    assert (await api.get(f"/agents/{CLERK.uuid}"))["health"] is None


async def test_a_run_looks_at_the_last_day_unless_told_otherwise(api: Asker) -> None:
    """Defaults are the ones people know from the hosted command line."""
    made = await api.run()

    assert made["status"] == "queued"
    assert made["window"] == {"start": "2025-03-01T12:00:00Z", "end": "2025-03-02T12:00:00Z"}
    assert made["options"] == {
        "prompt": None,
        "model_id": None,
        "span_limit": 10_000,
        "max_subagent_depth": 3,
        "max_turns": 50,
        "no_model": False,
        "subagent_model_id": None,
        "reasoning_effort": None,
        "budget_tokens": None,
        "budget_usd": None,
        "budget_seconds": None,
    }
    assert api.control.titles["conv-1"] == "researcher, 2025-03-01 12:00 to 2025-03-02 12:00 UTC"


async def test_a_window_can_be_given_in_any_zone_and_by_length(api: Asker) -> None:
    """Start defaults to the end less the look-back; a time without a zone is UTC."""
    by_end = await api.run(window_end_at="2025-02-01T10:00:00+02:00", lookback_hours=2)
    by_both = await api.run(window_start_at="2025-01-01T00:00:00", window_end_at="2025-01-02")

    first = await api.run(window_end_at="0001-01-01T01:00:00")

    assert first["window"] == {"start": "0001-01-01T00:00:00Z", "end": "0001-01-01T01:00:00Z"}
    assert by_end["window"] == {"start": "2025-02-01T06:00:00Z", "end": "2025-02-01T08:00:00Z"}
    assert by_both["window"] == {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"}


async def test_all_mistakes_of_a_body_are_named_at_once(api: Asker) -> None:
    """Correcting one mistake a request is the slowest way to learn an API."""
    body = {"lookback_hours": 0, "max_turns": 101, "max_subagent_depth": 6, "spanlimit": 1}
    status, problem = await api.ask("POST", "/runs", json=body)

    assert status == 400
    assert sorted(line.partition(":")[0] for line in problem["errors"]) == [
        "agent_uuid",
        "lookback_hours",
        "max_subagent_depth",
        "max_turns",
        "spanlimit",
    ]
    assert "did you mean span_limit?" in problem["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/runs", {"agent_uuid": "nobody"}, 404, "no agent with id 'nobody'"),
        ("POST", "/runs", {"agent_uuid": "aaaa"}, 409, "several agents start so"),
        ("POST", "/runs", [], 400, "must be a JSON object"),
        ("POST", "/runs", {"agent_uuid": "aaaa1", "window_start_at": "2026-01-01"}, 400, "is not before"),
        ("POST", "/runs", {"agent_uuid": "aaaa1", "window_end_at": "9999-12-31T23:59:59-01:00"}, 400, "out of range"),
        ("POST", "/runs", {"agent_uuid": "aaaa1", "window_end_at": "2262-01-01"}, 400, "use a time before 2262"),
        ("GET", "/traces?since=0001-01-01T00:00:00%2B14:00", None, 400, "since: 0001-01-01T00:00:00+14:00 is out of"),
        ("GET", "/runs?agent=nobody", None, 404, "no agent with id 'nobody'"),
        ("GET", "/reports?agent=nobody", None, 404, "no agent with id 'nobody'"),
        ("GET", "/findings?agent=nobody", None, 404, "no agent with id 'nobody'"),
        ("GET", "/runs/nope", None, 404, "no run with id 'nope'"),
        ("GET", "/agents?time_range=2d", None, 400, "time_range"),
        ("GET", "/traces?sort=name", None, 400, "sort"),
        ("GET", "/traces?since=yesterday", None, 400, "write a duration (24h) or an ISO 8601 time"),
        ("GET", "/traces?limit=0&cursor=-1", None, 400, "cursor"),
        ("GET", "/traces?cursor=99999999999999999999999", None, 400, "cursor"),
        ("GET", "/runs/run-1/events?after=99999999999999999999999", None, 400, "after"),
        ("GET", "/traces/ffff", None, 404, "no trace with id 'ffff'"),
        ("GET", "/reports/none", None, 404, "no report with id 'none'"),
        ("GET", "/conversations/none", None, 404, "no conversation"),
        ("GET", "/nothing", None, 404, "GET /api/v1/nothing: not found"),
        ("DELETE", "/runs", None, 405, "DELETE /api/v1/runs: method not allowed"),
    ],
)
async def test_every_refusal_is_problem_json_that_says_what_is_wrong(
    api: Asker, method: str, path: str, body: Any, status: int, said: str
) -> None:
    """Scripts and people read the same answer."""
    async with api.session.request(method, f"{api.base}{path}", json=body) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["status"]) == (status, status)
    assert said in problem["detail"]


async def test_a_body_that_is_no_json_is_refused(api: Asker) -> None:
    """A form that a web page posts without asking must never start anything."""
    status, problem = await api.ask("POST", "/runs", data=b"{", headers={"content-type": "application/json"})
    assert (status, problem["title"]) == (400, "Bad request")
    status, _ = await api.ask("POST", "/runs", data={"agent_uuid": RESEARCHER.uuid})
    assert status == 415
    too_large = io.BytesIO(json.dumps({"agent_uuid": RESEARCHER.uuid, "prompt": "x" * 2**20}).encode())
    status, problem = await api.ask("POST", "/runs", data=too_large, headers={"content-type": "application/json"})
    assert (status, problem["title"]) == (413, "Too large")
    assert api.control.all_runs == {}


async def test_a_run_can_be_found_by_prefix_followed_and_cancelled(api: Asker) -> None:
    """Ids are long and people type."""
    await api.run()
    api.control.all_events["run-1"] = [
        RunEvent(sequence=n, type="heartbeat", created_at=NOW, payload={"n": n}) for n in range(1, 6)
    ]
    shown = await api.get("/runs/run-1")
    first = await api.get("/runs/run-1/events?limit=3")
    rest = await api.get(f"/runs/run-1/events?after={first['next_cursor']}")
    status, cancelled = await api.ask("POST", "/runs/run-1/cancel", json={"reason": "enough"})

    assert shown["dataset"]["agent_uuid"] == RESEARCHER.uuid
    assert shown["deliveries"][0]["last_error"] == "disk full"
    assert [event["sequence"] for event in first["items"] + rest["items"]] == [1, 2, 3, 4, 5]
    assert rest["next_cursor"] is None
    assert (status, cancelled["status"], cancelled["cancel_reason"]) == (202, "cancelled", "enough")
    status, problem = await api.ask("POST", "/runs/run-1/cancel")
    assert (status, problem["detail"]) == (409, "run run-1 has already ended: cancelled")


async def test_lists_come_in_pages_and_the_last_has_no_cursor(api: Asker) -> None:
    """A client that follows next_cursor sees every item once."""
    for _ in range(5):
        await api.run()
    seen: list[str] = []
    cursor = "0"
    while cursor is not None:
        page = await api.get(f"/runs?limit=2&cursor={cursor}")
        seen += [run["id"] for run in page["items"]]
        cursor = page["next_cursor"]

    assert seen == ["run-5", "run-4", "run-3", "run-2", "run-1"]
    assert len((await api.get("/conversations?limit=3"))["items"]) == 3
    assert "messages" not in (await api.get("/conversations"))["items"][0]
    assert (await api.get("/conversations/conv-2"))["messages"][0]["content"] == "# Report\n\nAll of it."


async def test_traces_are_listed_filtered_and_shown_as_trees(api: Asker) -> None:
    """Children follow their parents, siblings by start; orphans are not lost."""
    errors = await api.get("/traces?status=error&agent=aaaa1&sort=start")
    whole = await api.get("/traces/0000")
    full = await api.get("/traces/0000?spans=full")

    assert [int(trace["trace_id"], 16) for trace in errors["items"]] == [1, 3, 5]
    assert {trace["status"] for trace in errors["items"]} == {"error"}
    assert {trace["status"] for trace in (await api.get("/traces?status=ok"))["items"]} == {"ok"}
    assert errors["items"][0]["root_status"] == "unset"
    assert errors["items"][0]["duration_s"] == 2.0
    assert [(span["name"], span["depth"]) for span in whole["spans"]] == [
        ("run", 0),
        ("chat", 1),
        ("lookup", 1),
        ("inner", 2),
        ("orphan", 0),
    ]
    lookup = full["spans"][2]
    assert (lookup["kind"], lookup["status"], lookup["error"]) == ("tool", "error", "boom <num>")
    assert "attributes" not in whole["spans"][0]
    assert lookup["attributes"] == {"tool.name": "lookup", "raw": "AP8=", "odd": "nan"}
    assert lookup["resource"] == {"service.name": "gaia"}
    one = await api.get(f"/traces/{1:032x}/spans/{3:016x}")
    assert (one["trace_id"], one["attributes"]) == (f"{1:032x}", lookup["attributes"])
    assert await api.get(f"/traces/0000/spans/{3:016x}") == one
    said = one["normalised"]
    assert (said["kind"], said["tool"], said["agent"], said["dialects"]) == (
        "tool",
        "lookup",
        "gaia",
        ["OpenInference"],
    )
    assert (said["error"], said["cost_usd"]) == ({"type": "", "message": "boom 7"}, None)
    several, problem = await api.ask("GET", f"/traces/{1:032x}/spans/0000")
    assert (several, "several spans start so" in problem["detail"]) == (409, True)
    assert (await api.ask("GET", "/traces/0000/spans/ffff"))[0] == 404
    assert (await api.ask("GET", f"/traces/{1:032x}/spans/00"))[0] == 409


async def test_an_agent_that_left_the_window_is_still_a_filter(api: Asker) -> None:
    """Its runs and reports outlive its traces; only somebody nobody knows is refused."""
    await api.run()
    api.control.set_run("run-1", agent_uuid="gone-agent-uuid")

    assert [run["id"] for run in (await api.get("/runs?agent=gone-agent-uuid"))["items"]] == ["run-1"]
    assert (await api.get("/reports?agent=gone-agent-uuid"))["items"] == []


async def test_reports_come_as_json_and_as_markdown(api: Asker) -> None:
    """One report, two ways to read it; the JSON is exactly the contract."""
    report = a_report()
    api.control.all_reports["rep-1"] = report
    await api.run()
    api.control.set_run("run-1", report_id="rep-1", status="completed")
    listed = await api.get("/reports")
    async with api.session.get(f"{api.base}/reports/run-1?format=markdown") as answer:
        markdown = await answer.text()
        assert answer.content_type == "text/markdown"
    async with api.session.get(f"{api.base}/runs/run-1/evidence") as answer:
        evidence = await answer.read()

    assert await api.get("/reports/rep-1") == report.model_dump(mode="json")
    assert (listed["items"][0]["headline"], listed["items"][0]["finding_count"]) == (report.headline, 2)
    assert markdown.startswith("# page_down fails")
    assert evidence.startswith(b"SQLite format 3")


async def test_a_browser_is_shown_a_page_that_may_do_nothing(api: Asker) -> None:
    """A link to a report can be opened; whatever a span wrote stays text, and no other site may frame it."""
    api.control.all_reports["rep-1"] = a_report()
    address = f"{api.base}/reports/rep-1"
    seen = []
    for query, accept in (("", "text/html,application/xhtml+xml,*/*;q=0.8"), ("?format=html", "*/*")):
        async with api.session.get(address + query, headers={"Accept": accept}) as answer:
            assert answer.content_type == "text/html"
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            seen.append(await answer.text())
    async with api.session.get(f"{address}?format=json", headers={"Accept": "text/html"}) as answer:
        assert answer.content_type == "application/json"
    async with api.session.get(f"{address}?format=brief") as answer:
        assert (answer.content_type, (await answer.text())[:16]) == ("text/plain", "Fix this failure")

    assert seen[0] == seen[1] and seen[0].startswith("<!DOCTYPE html>")


async def test_an_accident_inside_is_an_answer_not_a_traceback(api: Asker) -> None:
    """Whoever asks learns where to look, and nothing of the code."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError("secret detail")

    api.control.runs = broken  # type: ignore[method-assign, assignment]
    status, problem = await api.ask("GET", "/runs")

    assert (status, problem["title"]) == (500, "Internal error")
    assert "secret detail" not in json.dumps(problem)
