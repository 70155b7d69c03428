"""Schedules over the API: flat requests, whole answers, all problems at once."""

from typing import Any

from tests.api.fakes import RESEARCHER
from tests.api.test_api import Asker, api

__all__ = ["api"]

NIGHTLY = {"title": "nightly", "agent_uuid": RESEARCHER.uuid, "frequency": "daily", "hours": [3], "minutes": [30, 0, 0]}


async def create(api: Asker, **changes: Any) -> Any:
    status, made = await api.ask("POST", "/schedules", json={**NIGHTLY, **changes})
    assert status == 201, made
    return made


async def test_a_schedule_answers_with_its_next_fire(api: Asker) -> None:
    """The first question after creating one is when it runs."""
    made = await create(api)

    assert made["cadence"] == {
        "frequency": "daily",
        "minutes": [0, 30],
        "hours": [3],
        "days_of_week": [],
        "days_of_month": [],
        "timezone": "UTC",
    }
    assert made["next_fire_at"] == "2025-03-03T03:00:00Z"
    assert (made["enabled"], made["lookback_hours"], made["options"]["span_limit"]) == (True, 24, 10_000)
    assert await api.get("/schedules/sched-1") == made


async def test_problems_of_a_cadence_are_named_all_at_once(api: Asker) -> None:
    """A daily schedule without hours, in a zone that does not exist."""
    body = {**NIGHTLY, "hours": [], "minutes": [60], "timezone": "Mars/Base"}
    status, problem = await api.ask("POST", "/schedules", json=body)

    assert status == 400
    assert {line.partition(":")[0] for line in problem["errors"]} == {"hours", "minutes", "timezone"}
    status, problem = await api.ask("POST", "/schedules", json={**NIGHTLY, "agent_uuid": "nobody"})
    assert status == 404


async def test_an_update_changes_what_is_given_and_keeps_the_rest(api: Asker) -> None:
    """Forgetting the prompt because the hour changed would be a nasty surprise."""
    await create(api, prompt="why?", lookback_hours=6)
    status, changed = await api.ask("PATCH", "/schedules/sched-1", json={"hours": [5], "span_limit": 7})

    assert status == 200
    assert (changed["cadence"]["hours"], changed["cadence"]["minutes"]) == ([5], [0, 30])
    assert (changed["options"]["prompt"], changed["options"]["span_limit"]) == ("why?", 7)
    assert (changed["lookback_hours"], changed["next_fire_at"]) == (6, "2025-03-03T05:00:00Z")
    status, problem = await api.ask("PATCH", "/schedules/sched-1", json={"hours": []})
    assert (status, problem["errors"][0].partition(":")[0]) == (400, "hours")
    status, problem = await api.ask("PATCH", "/schedules/sched-1", json={})
    assert status == 400
    status, hourly = await api.ask("PATCH", "/schedules/sched-1", json={"frequency": "hourly"})
    assert (status, hourly["cadence"]["hours"], hourly["next_fire_at"]) == (200, [], "2025-03-02T12:30:00Z")


async def test_archived_schedules_do_not_fire_and_are_listed_on_request(api: Asker) -> None:
    """Archiving is how people stop a schedule without losing it."""
    await create(api)
    _, archived = await api.ask("POST", "/schedules/sched-1/archive")
    listed, every = await api.get("/schedules"), await api.get("/schedules?include_archived=true")
    _, restored = await api.ask("POST", "/schedules/sched-1/unarchive")

    assert (archived["archived"], archived["next_fire_at"]) == (True, None)
    assert (len(listed["items"]), len(every["items"])) == (0, 1)
    assert (restored["archived"], restored["next_fire_at"]) == (False, "2025-03-03T03:00:00Z")


async def test_the_runs_of_a_schedule_are_its_own(api: Asker) -> None:
    """Runs started by hand are not the schedule's."""
    await create(api)
    await api.run()
    await api.run()
    api.control.set_run("run-1", schedule_id="sched-1")

    assert [run["id"] for run in (await api.get("/schedules/sched-1/runs"))["items"]] == ["run-1"]
    status, _ = await api.ask("GET", "/schedules/none/runs")
    assert status == 404
