"""Live health put together as the sidecar does it: settings, the real follower, a real window."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.asking import Health
from cli.config import HaloConfig, load_config
from cli.live import follower_of, health_of, triggers_of
from domain.errors import ConfigError
from domain.otlp import Span
from domain.spans import SpanKind, SpanStatus
from store.backends.sqlite import SqliteStore, create
from store.control import open_control
from tests.conftest import REPOSITORY
from tests.store.window_kit import SECOND_NS, START_NS, Clock, keep, make_span

HOUR_NS = 3_600 * SECOND_NS


def config_of(directory: Path, *overrides: str) -> HaloConfig:
    return load_config([], ["store.traces.quiet=10s", *overrides], directory, {})


def store_of(config: HaloConfig, clock: Clock) -> SqliteStore:
    return create(config.store.config, now_ns=clock, background=False, follower=follower_of(config))


@dataclass
class Sending:
    """Interleaved traces in requests that arrive a few seconds apart; the last two lack roots."""

    clock: Clock

    def requests(self) -> Iterator[Sequence[Span]]:
        for number in range(12):
            at = 4 * number
            yield [self.call(number, 1, at), self.call(number - 1, 2, at), self.root(number - 2, at)]
        yield [self.call(number, 3, 60) for number in range(8, 12)]

    async def send(self, store: SqliteStore, requests: Sequence[Sequence[Span]]) -> None:
        for spans in requests:
            await keep(store, *spans)
            self.clock.forward(4)

    def root(self, trace: int, at: int) -> Span:
        return make_span(trace, "root", start_s=at, end_s=at + 1, kind=SpanKind.AGENT, agent__name="clerk")

    def call(self, trace: int, number: int, at: int) -> Span:
        failed = SpanStatus.ERROR if trace % 3 == 0 else SpanStatus.UNSET
        said: dict[str, Any] = {"tool__name": "lookup", "input__value": '{"order": 1}'}
        return make_span(
            trace, f"call {number}", "root", start_s=at, kind=SpanKind.TOOL, status=failed, message="no", **said
        )


def found(health: Health | None, agent_uuid: str) -> dict[str, Any]:
    assert health is not None
    return {
        key: value
        for key, value in health(agent_uuid, START_NS - HOUR_NS, START_NS + HOUR_NS).items()
        if key not in ("from", "to")
    }


async def health_after(directory: Path, crashes: Sequence[int]) -> dict[str, Any]:
    """What live health tells when the sidecar was killed after some of the requests."""
    clock = Clock()
    sending = Sending(clock)
    requests = list(sending.requests())
    here = directory / "0"
    done = 0
    for number, crash in enumerate((*crashes, len(requests)), 1):
        config = config_of(here)
        async with store_of(config, clock) as store:
            await sending.send(store, requests[done:crash])
            done = crash
            if crash < len(requests):
                shutil.copytree(here, directory / str(number))
                here = directory / str(number)
                continue
            clock.forward(400)
            await store.fold()
            return found(health_of(config, store.reader()), store.reader().agents()[0].uuid)
    raise AssertionError("the last request ends it")


async def test_kills_change_nothing_of_what_is_told(tmp_path: Path) -> None:
    """The follower's memory is gone after a kill, and the numbers must not show it."""
    undisturbed = await health_after(tmp_path / "undisturbed", ())
    killed = await health_after(tmp_path / "killed", (2, 3, 7, 11))

    assert (undisturbed["traces"], undisturbed["spans"], undisturbed["tool_calls"]) == (12, 35, 23)
    assert killed == undisturbed


async def test_health_can_be_switched_off(tmp_path: Path) -> None:
    """Whoever needs the last microsecond gets it."""
    config = config_of(tmp_path, "analysis.live.enabled=false")
    clock = Clock()
    async with store_of(config, clock) as store:
        with open_control(tmp_path) as control:
            assert follower_of(config) is None
            assert health_of(config, store.reader()) is None
            assert triggers_of(config, store.reader(), control, lambda: control._now()) is None


def test_a_baseline_within_what_is_recent_is_a_mistake(tmp_path: Path) -> None:
    """Alarms would never come on, and nobody would know why."""
    with pytest.raises(ConfigError, match="baseline 5m leaves nothing before recent 10m; make it longer"):
        config_of(tmp_path, "analysis.triggers.baseline=5m")


def test_what_follows_live_brings_no_numerical_library() -> None:
    """The process that receives pays for every import, and for every thread of such a library."""
    absent = {"numpy", "jsonschema", "rapidfuzz", "openai", "jinja2"}
    program = f"import sys, cli.sidecar, cli.live; print(sorted({absent!r} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )

    assert (answer.stdout.strip(), answer.stderr) == ("[]", "")


@pytest.mark.parametrize(("override", "is_there"), [("analysis.triggers.enabled=false", False), ("api.token=x", True)])
async def test_triggers_are_optional(tmp_path: Path, override: str, is_there: bool) -> None:
    """Health without runs by themselves, where analyses are dear."""
    config = config_of(tmp_path, override)
    async with store_of(config, Clock()) as store:
        with open_control(tmp_path) as control:
            made = triggers_of(config, store.reader(), control, lambda: control._now())
    assert (made is not None) is is_there
