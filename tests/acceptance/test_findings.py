"""A fault is found, mended, and comes back: what the reports and `halo finding` say of it, with the real agent."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.sidecar import Sidecar

FAULT = "unusable_tool"
TASKS = "60"


@dataclass
class Day:
    """One stretch of the agent's work, its run and its report."""

    run: dict[str, Any]
    report: dict[str, Any]

    def finding(self) -> dict[str, Any]:
        """What the report says of the faulty tool."""
        (found,) = [each for each in self.report["findings"] if each["detector"] == FAULT]
        return dict(found)


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with Sidecar(tmp_path_factory.mktemp("life") / "data", {"store.traces.quiet": "1s"}) as started:
        yield started


@pytest.fixture(scope="module")
def days(sidecar: Sidecar) -> list[Day]:
    """Consecutive windows: the agent as it is, mended, mended still, broken again."""
    start, found = datetime.now(UTC), []
    for seed, fixed in ((1, False), (2, True), (3, True), (4, False)):
        work(sidecar, seed, fixed)
        end = datetime.now(UTC)
        (agent,) = sidecar.items("/api/v1/agents")
        run = sidecar.run(agent["uuid"], window_start_at=start.isoformat(), window_end_at=end.isoformat())
        assert run["status"] == "completed", run
        found.append(Day(run, sidecar.get(f"/api/v1/reports/{run['report_id']}")))
        start = end
    return found


def work(sidecar: Sidecar, seed: int, fixed: bool) -> None:
    words = ["--seed", str(seed), "--tasks", TASKS, "--otlp-endpoint", sidecar.grpc_endpoint]
    words += ["--fixed", FAULT] if fixed else []
    subprocess.run(
        [sys.executable, "-m", "examples.demo_agent", *words], check=True, timeout=120, env=sidecar.environment
    )


def test_a_finding_is_new_then_resolved_with_its_bound_then_reopened(days: list[Day]) -> None:
    """The loop closes only if the report says that the fix worked, and says so when it no longer does."""
    broken, mended, still, again = (day.finding() for day in days)

    assert [each["status"] for each in (broken, mended, still, again)] == ["new", "resolved", "resolved", "reopened"]
    assert len({each["fingerprint"] for each in (broken, mended, still, again)}) == 1
    assert broken["bound"] is None
    assert mended["counts"]["affected_spans"] == 0
    assert mended["bound"] == pytest.approx(3 / mended["counts"]["opportunities"], abs=1e-6)
    assert mended["bound"] < broken["counts"]["ci_low"]
    assert again["first_seen"] == broken["first_seen"]
    assert [past["status"] for past in again["history"]] == ["new", "resolved", "resolved"]
    assert again["reports"] == 2
    assert [day.report["previous_report_id"] for day in days[1:]] == [day.report["report_id"] for day in days[:-1]]


def test_markdown_says_resolved_with_the_bound_and_reopened_with_the_age(sidecar: Sidecar, days: list[Day]) -> None:
    """People read the Markdown."""
    texts = [sidecar.halo("report", "get", day.run["id"]).stdout for day in days]

    assert "resolved: its rate is at most " in texts[1]
    assert "reopened, known for 1 hour, in 2 reports" in texts[3]


def test_the_register_says_the_same_as_the_reports(sidecar: Sidecar, days: list[Day]) -> None:
    """Whoever asks between two reports sees the last one's verdict and how it came to it."""
    last = days[-1].finding()
    listed = json.loads(sidecar.halo("finding", "ls", "--json").stdout)["items"]
    (entry,) = [item for item in listed if item["fingerprint"] == last["fingerprint"]]
    whole = json.loads(sidecar.halo("finding", "get", last["id"], "--json").stdout)
    shown = sidecar.halo("finding", "get", entry["id"]).stdout

    assert (entry["status"], entry["reopened"], entry["reports"]) == ("reopened", 1, 2)
    assert whole["id"] == entry["id"]
    assert [past["status"] for past in whole["history"]] == ["new", "resolved", "resolved", "reopened"]
    assert [past["report_id"] for past in whole["history"]] == [day.report["report_id"] for day in days]
    assert "History, 4 reports: █▁▁▇" in shown


def test_every_one_of_these_reports_is_confirmed(sidecar: Sidecar, days: list[Day], tmp_path: Path) -> None:
    """A status is a claim like any other, and one that is made up is named."""
    for day in days:
        path = tmp_path / f"{day.run['id']}.json"
        path.write_text(json.dumps(day.report))
        said = sidecar.halo("verify", str(path), "--data-dir", str(sidecar.data_dir))
        assert said.returncode == 0, said.stdout + said.stderr

    at = [each["detector"] for each in days[3].report["findings"]].index(FAULT)
    days[3].report["findings"][at]["status"] = "new"
    path.write_text(json.dumps(days[3].report))
    said = sidecar.halo("verify", str(path), "--data-dir", str(sidecar.data_dir))
    assert f"findings[{at}].status: expected reopened, found new" in said.stdout.splitlines()


def test_a_muted_finding_stays_muted_over_a_restart_and_is_told_last(sidecar: Sidecar, days: list[Day]) -> None:
    """What somebody decided must not come back with the next start."""
    entry = days[0].finding()["fingerprint"]
    without = sidecar.halo("finding", "mute", entry)
    muted = sidecar.halo("finding", "mute", entry, "--reason", "next_page is removed in May")
    sidecar.stop()
    sidecar.start()
    (agent,) = sidecar.items("/api/v1/agents")
    run = sidecar.run(agent["uuid"], window_start_at=days[3].run["window"]["start"])
    findings = sidecar.get(f"/api/v1/reports/{run['report_id']}")["findings"]

    assert (without.returncode, muted.returncode) == (2, 0)
    assert (findings[-1]["detector"], findings[-1]["mark"]) == (FAULT, "muted")
    assert findings[-1]["mark_reason"] == "next_page is removed in May"
    assert entry not in {
        item["fingerprint"] for item in json.loads(sidecar.halo("finding", "ls", "--json").stdout)["items"]
    }
    assert "next_page is removed in May" in sidecar.halo("finding", "get", entry).stdout
    assert sidecar.halo("finding", "unmute", entry).returncode == 0
    assert sidecar.halo("finding", "unmute", entry).returncode == 1
