"""Triggers: alarms in the live traffic that ask for a run, without anybody having asked.

What is counted live is read from the store as anybody else reads it. Alarms are judged by pure rules; here it is
decided which of them are worth a run: an alarm lasts, and an incident raises several, but one analysis sees all of it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol, Self

import structlog
from pydantic import Field, model_validator

from domain.component import ComponentConfig
from domain.following import SavedBucket
from domain.quantities import Duration, format_duration
from domain.runs import Run, RunWindow, Trigger
from domain.spans import Agent
from store.base import ControlStore, WindowReader
from telemetry.metrics import LIVE_ALARMS, TRIGGERED_RUNS

AlarmKind = Literal["error_burst", "new_error_signature", "token_shift", "latency_shift", "loop_storm"]
KINDS: tuple[AlarmKind, ...] = ("error_burst", "new_error_signature", "token_shift", "latency_shift", "loop_storm")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO = timedelta(0)
_UNTIL_IDLE = timedelta(minutes=10)  # from a span's arrival until its trace is surely counted
_LOG = structlog.get_logger()


class Config(ComponentConfig):
    """The `analysis.triggers` part of halo.yaml: which alarms start an analysis, and how often."""

    enabled: bool = Field(default=True, description="Start runs when live traffic raises an alarm.")
    kinds: tuple[AlarmKind, ...] = Field(default=KINDS, description="Alarms that start a run; others are only shown.")
    cool_down: Duration = Field(
        default=timedelta(hours=1),
        ge=_ZERO,
        description="How long after a triggered run the same kind of alarm starts no other for the same agent.",
    )
    lookback: Duration = Field(
        default=timedelta(hours=24), gt=_ZERO, description="How far a triggered run looks back, by the end of traces."
    )
    interval: Duration = Field(default=timedelta(seconds=5), gt=_ZERO, description="How often alarms are looked for.")
    recent: Duration = Field(
        default=timedelta(minutes=10), gt=_ZERO, description="The last traces, by their end, that alarms are about."
    )
    baseline: Duration = Field(
        default=timedelta(hours=24), gt=_ZERO, description="How far back alarms look for what was usual before."
    )
    min_traces: int = Field(default=10, ge=1, description="Recent traces without which there is no alarm.")
    min_baseline_traces: int = Field(
        default=50, ge=1, description="Traces that must have ended before those, or nothing counts as usual."
    )

    @model_validator(mode="after")
    def _something_lies_before(self) -> Self:
        if self.baseline <= self.recent:
            recent, baseline = format_duration(self.recent), format_duration(self.baseline)
            raise ValueError(f"baseline {baseline} leaves nothing before recent {recent}; make it longer")
        return self


class Alarm(Protocol):
    """What a rule says is wrong in an agent's live traffic (`analysis.streaming.signals.Alarm`)."""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""

    @property
    def subject(self) -> str:
        """What it is about: a tool, an error; empty for the agent as a whole."""

    @property
    def text(self) -> str:
        """One sentence with the numbers."""

    @property
    def figures(self) -> Mapping[str, Any]:
        """The numbers."""


Judge = Callable[[Sequence[SavedBucket], int], Sequence[Alarm]]
"""The alarms that are on, by an agent's buckets and the time in nanoseconds, the gravest first."""


class Triggers:
    """Looks at every agent that was heard of lately; synchronous, for each step is a call of the store."""

    def __init__(
        self,
        config: Config,
        window: WindowReader,
        control: ControlStore,
        judge: Judge,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._window = window
        self._control = control
        self._judge = judge
        self._now = now
        self.interval_s = config.interval.total_seconds()
        self._raised: frozenset[tuple[str, str, str]] = frozenset()
        self._failing: dict[str, str] = {}

    def ask_for_runs(self) -> list[Run]:
        """Queue a run for each agent with an alarm that has none yet; what fails for one agent holds up no other."""
        now, config = self._now(), self._config
        now_ns, from_ns = _ns(now - _EPOCH), _ns(now - _EPOCH - config.baseline)
        queued: list[Run] = []
        raised: set[tuple[str, str, str]] = set()
        for agent in self._window.agents(_ns(now - _EPOCH - config.recent - _UNTIL_IDLE)):
            try:
                alarms = self._judge(self._window.live(agent.uuid, from_ns, now_ns), now_ns)
                raised |= {(agent.uuid, alarm.kind, alarm.subject) for alarm in alarms}
                queued += self._trigger(agent, alarms, now)
                self._failing.pop(agent.uuid, None)
            except Exception as error:
                if self._failing.get(agent.uuid) != str(error):  # asked again every few seconds
                    self._failing[agent.uuid] = str(error)
                    _LOG.warning("alarms_failed", agent_uuid=agent.uuid, error=str(error))
        for _, kind, _ in raised - self._raised:
            LIVE_ALARMS.labels(kind).inc()
        self._raised = frozenset(raised)
        return queued

    def _trigger(self, agent: Agent, alarms: Sequence[Alarm], now: datetime) -> list[Run]:
        """The run of the first alarm that may have one; it sees what the others are about."""
        wanted = [alarm for alarm in alarms if alarm.kind in self._config.kinds]
        window = RunWindow(start=now - self._config.lookback, end=now)
        for alarm in wanted:
            also = sorted({other.kind for other in wanted} - {alarm.kind})
            run = self._control.trigger_run(
                agent.uuid,
                window,
                Trigger(kind=alarm.kind, subject=alarm.subject, text=alarm.text, also=tuple(also)),
                alarm.figures,
                title=f"{agent.name}, {alarm.kind.replace('_', ' ')}, {now:%Y-%m-%d %H:%M} UTC",
                cooled_since=now - self._config.cool_down,
            )
            if run is not None:
                TRIGGERED_RUNS.labels(alarm.kind).inc()
                _LOG.info("run_triggered", run_id=run.id, agent_uuid=agent.uuid, kind=alarm.kind)
                return [run]
        return []


def _ns(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1) * 1_000
