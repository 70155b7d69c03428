"""Triggers: which alarms start a run, and that an incident is not answered with a hundred of them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from domain.following import SavedBucket
from domain.runs import Trigger
from domain.spans import Agent
from scheduler.scheduler import Config as SchedulerConfig
from scheduler.scheduler import Scheduler
from scheduler.triggers import Config, Triggers
from store.control import SqliteControl
from telemetry.metrics import LIVE_ALARMS
from tests.scheduler import fake_child
from tests.scheduler.worker_kit import until
from tests.store.control_kit import START, Clock, opened

MINUTE_NS = 60 * 10**9
NOW_NS = int(START.timestamp()) * 10**9


class Alarm(NamedTuple):
    kind: str
    subject: str = ""
    text: str = "it is so"
    figures: Mapping[str, float] = {}


class FakeWindow:
    """Agents by name, whose buckets say which alarms are on: `kind,kind`."""

    def __init__(self, **alarms: str) -> None:
        self.alarms = alarms
        self.broken: set[str] = set()
        self.last_seen_ns: dict[str, int] = {}
        self.asked: list[tuple[int, int]] = []

    def agents(self, since_ns: int | None = None) -> list[Agent]:
        seen = {name: self.last_seen_ns.get(name, since_ns or 0) for name in self.alarms}
        return [Agent(name, name, "svc", 1, 1, at) for name, at in seen.items() if at >= (since_ns or 0)]

    def live(self, agent_uuid: str | None, from_ns: int, to_ns: int) -> list[SavedBucket]:
        assert agent_uuid is not None
        if agent_uuid in self.broken:
            raise RuntimeError("no such luck")
        self.asked.append((from_ns, to_ns))
        return [SavedBucket(agent_uuid, from_ns, self.alarms[agent_uuid].encode())]


def judge(buckets: Sequence[SavedBucket], now_ns: int) -> list[Alarm]:
    return [Alarm(kind) for bucket in buckets for kind in bucket.body.decode().split(",") if kind]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def control(tmp_path: Path, clock: Clock) -> Iterator[SqliteControl]:
    with opened(tmp_path, clock) as store:
        yield store


def triggers_of(window: FakeWindow, control: SqliteControl, clock: Clock, **settings: object) -> Triggers:
    config = Config.model_validate({"baseline": "2h", **settings})
    return Triggers(config, window, control, judge, now=clock)  # type: ignore[arg-type]


def end_all(control: SqliteControl) -> None:
    while (run := control.claim_run()) is not None:
        control.end_run(run.id, run.attempt, "no_traces")


def test_an_alarm_becomes_a_run_over_what_lies_behind(control: SqliteControl, clock: Clock) -> None:
    """The analysis has to see the incident and what was normal before it."""
    window = FakeWindow(clerk="error_burst", cook="")
    (run,) = triggers_of(window, control, clock, lookback="6h").ask_for_runs()

    assert (run.agent_uuid, run.origin, run.trigger) == (
        "clerk", "triggered", Trigger(kind="error_burst", subject="", text="it is so")
    )  # fmt: skip
    assert (run.window.start, run.window.end) == (START - timedelta(hours=6), START)
    assert window.asked == [(NOW_NS - 120 * MINUTE_NS, NOW_NS)] * 2


def test_an_alarm_that_lasts_asks_once_for_each_cool_down(control: SqliteControl, clock: Clock) -> None:
    """The alarm is judged every few seconds and may be on for days."""
    triggers = triggers_of(FakeWindow(clerk="error_burst"), control, clock, cool_down="30m")
    runs = 0
    for _ in range(121):
        runs += len(triggers.ask_for_runs())
        end_all(control)
        clock.move(minutes=1)

    assert runs == 5


def test_a_restart_does_not_forget_the_cool_down(control: SqliteControl, clock: Clock) -> None:
    """An agent in trouble may well take its sidecar down with it, again and again."""
    window = FakeWindow(clerk="error_burst")
    first = triggers_of(window, control, clock).ask_for_runs()
    end_all(control)
    clock.move(minutes=1)
    after_restart = triggers_of(window, control, clock).ask_for_runs()

    assert (len(first), after_restart) == (1, [])


def test_alarms_of_one_moment_share_a_run(control: SqliteControl, clock: Clock) -> None:
    """A tool that fails is called again and makes everything slow: one incident, one report."""
    triggers = triggers_of(FakeWindow(clerk="error_burst,latency_shift"), control, clock)
    (run,) = triggers.ask_for_runs()
    end_all(control)
    later = triggers.ask_for_runs()

    assert run.trigger is not None and run.trigger.also == ("latency_shift",)
    assert later == []


def test_kinds_that_are_not_wanted_start_nothing(control: SqliteControl, clock: Clock) -> None:
    """Some traffic is slow by nature, and its owner says so once."""
    triggers = triggers_of(FakeWindow(clerk="latency_shift,error_burst"), control, clock, kinds=["error_burst"])
    (run,) = triggers.ask_for_runs()

    assert run.trigger == Trigger(kind="error_burst", subject="", text="it is so")


def test_every_agent_has_its_own(control: SqliteControl, clock: Clock) -> None:
    """A noisy agent must not use up the triggers of a quiet one, nor one that cannot be read hold up the rest."""
    window = FakeWindow(clerk="error_burst", broken="error_burst", cook="error_burst")
    window.broken.add("broken")
    triggers = triggers_of(window, control, clock)

    assert [run.agent_uuid for run in triggers.ask_for_runs()] == ["clerk", "cook"]
    window.broken.clear()
    assert [run.agent_uuid for run in triggers.ask_for_runs()] == ["broken"]


def test_agents_that_fell_silent_are_left_alone(control: SqliteControl, clock: Clock) -> None:
    """Nothing can have become worse, and a sidecar may have seen thousands of agents in its time."""
    window = FakeWindow(clerk="error_burst", cook="error_burst")
    window.last_seen_ns = {"clerk": NOW_NS - 21 * MINUTE_NS, "cook": NOW_NS - 19 * MINUTE_NS}

    assert [run.agent_uuid for run in triggers_of(window, control, clock).ask_for_runs()] == ["cook"]


def test_an_alarm_is_counted_when_it_comes_on(control: SqliteControl, clock: Clock) -> None:
    """A counter that grows with every look would say how often one looked."""
    window = FakeWindow(clerk="loop_storm")
    triggers = triggers_of(window, control, clock)
    before = LIVE_ALARMS.labels("loop_storm")._value.get()
    for alarms in ("loop_storm", "loop_storm", "", "loop_storm"):
        window.alarms["clerk"] = alarms
        triggers.ask_for_runs()

    assert LIVE_ALARMS.labels("loop_storm")._value.get() - before == 2


async def test_the_scheduler_heeds_alarms_and_works_what_they_ask_for(
    control: SqliteControl, clock: Clock, tmp_path: Path
) -> None:
    """An alarm at night must not wait for somebody to ask."""
    triggers = triggers_of(FakeWindow(clerk="error_burst"), control, clock)
    config = SchedulerConfig.model_validate({"poll_interval": "10ms"})
    command = fake_child.command("succeed")
    async with Scheduler(config, control, directory=tmp_path, now=clock, command=command, triggers=triggers):
        await until(lambda: any(run.finished_at for run in control.runs()))

    assert [run.origin for run in control.runs()] == ["triggered"]
