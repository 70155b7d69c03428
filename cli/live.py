"""Following the live traffic as halo.yaml says: who counts it, how health is told of it, and what judges alarms.

The follower is handed to the store, health to the API, the judge to the scheduler: none of them knows the analysis.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from analysis.streaming.following import LiveFollower
from analysis.streaming.health import health
from analysis.streaming.signals import Thresholds
from analysis.streaming.watching import Watch
from api.asking import Health
from api.objects import moment
from cli.config import HaloConfig
from domain.following import BUCKET_NS, Follower
from scheduler.triggers import Triggers
from store.base import ControlStore, WindowReader

_FILE_SHARE = 8  # buckets stand in the window's file, and must leave most of a small one to spans


def follower_of(config: HaloConfig) -> Follower | None:
    """Who counts; None when nobody is to."""
    live = config.analysis.live
    if not live.enabled:
        return None
    store: Any = config.store.config  # every backend has the settings that say when a trace is complete
    return LiveFollower(
        quiet_ns=_ns(store.traces.quiet),
        idle_ns=_ns(store.traces.idle),
        trace_bytes=live.max_trace_bytes,
        state_bytes=live.max_state_bytes,
        bucket_bytes=min(live.max_bucket_bytes, store.max_file_bytes // _FILE_SHARE),
        labels=live.max_labels,
    )


def health_of(config: HaloConfig, window: WindowReader) -> Health | None:
    """How the API tells an agent's health; alarms are those of now, whatever stretch is asked for."""
    if not config.analysis.live.enabled:
        return None

    triggers, watch, watching = config.analysis.triggers, _watch(config), Lock()

    def told(agent_uuid: str, from_ns: int, to_ns: int) -> Mapping[str, Any]:
        start_ns, baseline_ns = from_ns - from_ns % BUCKET_NS, to_ns - _ns(triggers.baseline)
        buckets = window.live(agent_uuid, min(start_ns, baseline_ns), to_ns)
        found = asdict(health(buckets, start_ns, to_ns))
        stretch = {"from": moment(found.pop("from_ns")), "to": moment(found.pop("to_ns"))}
        with watching:
            alarms = watch.alarms([each for each in buckets if each.start_ns >= baseline_ns], to_ns)
        return {**stretch, **found, "alarms": [asdict(alarm) for alarm in alarms]}

    return told


def triggers_of(
    config: HaloConfig, window: WindowReader, control: ControlStore, now: Callable[[], datetime]
) -> Triggers | None:
    """What makes runs of alarms; None when nothing is to."""
    analysis = config.analysis
    if not (analysis.live.enabled and analysis.triggers.enabled):
        return None
    return Triggers(analysis.triggers, window, control, _watch(config).alarms, now=now)


def _watch(config: HaloConfig) -> Watch:
    triggers = config.analysis.triggers
    limits = Thresholds(recent_traces=triggers.min_traces, baseline_traces=triggers.min_baseline_traces)
    return Watch(limits, _ns(triggers.recent))


def _ns(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1) * 1_000
