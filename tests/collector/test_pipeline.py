"""Building components from settings and running the receivers."""

from pathlib import Path

import pytest

from collector.keeping import Keeper
from collector.pipeline import EXPORTERS, RECEIVERS, configure, exporters, receiving
from domain.errors import ConfigError
from tests.collector import faulty
from tests.collector.fakes import FakeWindow, request
from tests.collector.serving import post

FAULTY = "tests.collector.faulty"


def test_all_mistakes_of_all_components_come_at_once() -> None:
    """Fixing a configuration one error at a time is a waste of restarts."""
    with pytest.raises(ConfigError) as mistakes:
        configure(
            {
                RECEIVERS: {"otlp": {"protocols": {}}, "zipkin": None, FAULTY: {"problm": 1}},
                EXPORTERS: {"webhook/slack": {"format": "html"}, "file": {"directory": 3}},
            }
        )

    assert [problem.split(": ")[0] for problem in mistakes.value.problems] == [
        "receivers.otlp.protocols",
        "receivers.zipkin",
        f"receivers.{FAULTY}.problm",
        "exporters.webhook/slack.url",
        "exporters.webhook/slack.format",
        "exporters.file.directory",
    ]


async def test_receivers_run_under_their_ids() -> None:
    """Two of a type are told apart by the name behind the slash, in logs and metrics."""
    server = {"protocols": {"http": {"endpoint": "127.0.0.1:0"}}}
    configured = configure({RECEIVERS: {"otlp": server, "otlp/second": server}})
    window = FakeWindow()
    async with receiving(configured[RECEIVERS], keeper=Keeper(window)) as running:
        for receiver in running.values():
            url = f"http://{receiver.http_endpoint}/v1/traces"  # type: ignore[attr-defined]
            assert (await post(url, request().SerializeToString())).status == 200

    assert list(running) == ["otlp", "otlp/second"]
    assert len(window.requests) == 2


async def test_when_one_cannot_start_none_runs_and_all_problems_are_told() -> None:
    """Half a sidecar would lose the other half's spans without a word."""
    faulty.stopped.clear()
    settings = {f"{FAULTY}/a": {"problem": "x: broken"}, f"{FAULTY}/b": None, f"{FAULTY}/c": {"problem": "y: too"}}
    configured = configure({RECEIVERS: settings})
    with pytest.raises(ConfigError) as mistakes:
        async with receiving(configured[RECEIVERS], keeper=Keeper(FakeWindow())):
            pytest.fail("started all the same")

    assert mistakes.value.problems == (f"receivers.{FAULTY}/a.x: broken", f"receivers.{FAULTY}/c.y: too")
    assert faulty.stopped == [f"{FAULTY}/b"]


def test_exporters_are_built_by_id(tmp_path: Path) -> None:
    """Deliveries name their exporter by the id in halo.yaml."""
    settings = {"file": None, "webhook/slack": {"url": "https://127.0.0.1/x"}, "otlp": {"endpoint": "http://h:1"}}

    built = exporters(configure({EXPORTERS: settings})[EXPORTERS], data_dir=tmp_path)

    assert list(built) == list(settings)
