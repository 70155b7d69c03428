"""`halo finding` as it is typed: tables for people, JSON for programs, one line where something is wrong."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from api.server import ApiServer, Config
from cli.findings import age, rate_text
from domain.endpoint import Endpoint
from store.control import SqliteControl
from tests.api.fakes import NOW, RESEARCHER, FakeWindow
from tests.cli.running import Halo
from tests.store.control_kit import START, opened
from tests.store.findings_kit import a_finding, gone, told


@pytest.fixture
def control(tmp_path: Path) -> Iterator[SqliteControl]:
    with opened(tmp_path) as store:
        yield store


@pytest.fixture
def halo(control: SqliteControl) -> Iterator[Halo]:
    """The command against a control API in a thread of this process."""
    ready: list[str] = []
    started, stopped = threading.Event(), threading.Event()

    async def serve() -> None:
        config = Config(endpoint=Endpoint("127.0.0.1", 0))
        async with ApiServer(config, window=FakeWindow(), control=control, now=lambda: NOW) as server:  # type: ignore[arg-type]
            ready.append(f"http://{server.endpoint}")
            started.set()
            await asyncio.to_thread(stopped.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(30)
    yield Halo(ready[0])
    stopped.set()
    thread.join()


def lived(control: SqliteControl) -> None:
    """Three reports: a finding that is resolved in the second and another that stays."""
    for number in range(3):
        at = START + timedelta(days=number)
        first = a_finding("f-gone", at=at) if not number else gone(at, fingerprint="f-gone")
        status = "persisting" if number else "new"
        stays = a_finding("f-stays", at=at, first_seen=START - timedelta(hours=2), status=status, severity="medium")
        told(control, first, stays, at=at, agent=RESEARCHER.uuid)


def test_open_findings_are_listed_and_all_when_asked(halo: Halo, control: SqliteControl) -> None:
    """What is resolved or muted is out of the way until somebody asks."""
    lived(control)
    listed = halo.told("finding", "ls").splitlines()

    assert [line.split()[1:4] for line in listed[1:]] == [["medium", "persisting", "f-stays"]]
    assert " 80.0%  2 d " in listed[1]
    everything = halo.json("finding", "list", "--all")["items"]
    assert [item["fingerprint"] for item in everything] == ["f-stays", "f-gone"]
    resolved = halo.json("finding", "ls", "--status", "resolved", "--agent", RESEARCHER.uuid[:6])["items"]
    assert [item["fingerprint"] for item in resolved] == ["f-gone"]
    none = halo("finding", "ls", "--severity", "critical")
    assert (none.exit_code, none.stdout, "--all lists" in none.stderr) == (0, "", True)


def test_one_finding_shows_its_history_its_last_quote_and_its_bound(halo: Halo, control: SqliteControl) -> None:
    """How it came to its status, at a glance."""
    lived(control)
    shown = halo.told("finding", "get", "f-gone")

    assert "resolved, at 2026-03-03 12:00:00Z, its rate is at most 7.5% now" in shown
    assert "trace aa, span bb, status.message (report report-of-" in shown
    assert "History, 3 reports: ▇▁▁" in shown
    made = [line.split()[0] for line in shown.splitlines() if line.startswith("2026-")]
    assert made == ["2026-03-04", "2026-03-03", "2026-03-02"]
    assert "\x1b" not in shown


def test_a_mark_needs_a_reason_and_is_shown_with_it(halo: Halo, control: SqliteControl) -> None:
    """Nobody remembers in autumn why something was muted in spring."""
    lived(control)
    without = halo("finding", "mute", "f-stays")
    muted = halo.told("finding", "mute", "f-stays", "--reason", "it goes in May")
    hidden = halo.json("finding", "ls")["items"]
    shown = halo.told("finding", "get", "f-stays")
    acknowledged = halo.json("finding", "ack", "f-stays", "--reason", "known")
    heard = halo.told("finding", "unmute", "f-stays")
    twice = halo("finding", "unmute", "f-stays")

    assert (without.exit_code, "--reason" in without.stderr) == (2, True)
    assert muted.startswith("Muted: finding ")
    assert hidden == []
    assert "muted at 2026-03-02 12:00:00Z: it goes in May" in shown
    assert (acknowledged["mark"], acknowledged["mark_reason"]) == ("acknowledged", "known")
    assert heard.startswith("No longer marked: finding ")
    assert (twice.exit_code, "neither muted nor acknowledged" in twice.stderr) == (1, True)


def test_an_unknown_finding_is_named(halo: Halo) -> None:
    """One line, exit 1."""
    found = halo("finding", "get", "none-such")

    assert (found.exit_code, found.stderr) == (1, "Error: no finding with id 'none-such'\n")


@pytest.mark.parametrize(("hours", "said"), [(0.5, "< 1 h"), (1, "1 h"), (47, "47 h"), (48, "2 d"), (24 * 12, "12 d")])
def test_ages_are_hours_then_days(hours: float, said: str) -> None:
    """A young finding is new in hours, an old one a shame in days."""
    times = {"first_seen": START.isoformat(), "last_seen": (START + timedelta(hours=hours)).isoformat()}

    assert age(times) == said


def test_a_rate_without_opportunities_is_a_dash() -> None:
    """Nothing of nothing is not zero per cent."""
    assert (rate_text(1, 3), rate_text(0, 0)) == ("33.3%", "-")
