"""All report exporters together, behind the outbox."""

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

from collector.delivery import DeliveryConfig, Outbox
from collector.pipeline import EXPORTERS, configure, exporters
from domain.errors import RetryableError
from tests.collector.destination import Destination
from tests.collector.fakes import AGENT_UUID, NOON, FakeControl, FakeWindow
from tests.collector.serving import receiver


async def test_every_exporter_gets_its_report_though_each_failed_first(tmp_path: Path) -> None:
    """The whole way: outbox, three exporters, destinations that are down at first and up later."""
    store, clock, window = FakeControl(), [NOON], FakeWindow()
    store.evidence_db = _database()
    destination = Destination((500, {}, ""), (429, {"Retry-After": "1"}, ""))
    blocked = tmp_path / "reports"
    blocked.write_text("in the way")
    window.failure = RetryableError("starting")
    async with destination.url() as url, receiver(window) as running:
        settings = {
            "file": None,
            "webhook": {"url": url},
            "otlp": {"endpoint": f"http://{running.grpc_endpoint}"},
        }
        built = exporters(configure({EXPORTERS: settings})[EXPORTERS], data_dir=tmp_path)
        owed = {each: store.owe(each).id for each in built}
        config = DeliveryConfig(poll_interval=timedelta(hours=1))
        box = Outbox(config, built, store, now=lambda: clock[0], chance=lambda: 0.0)  # type: ignore[arg-type]
        async with built["file"], built["webhook"], built["otlp"]:
            for _ in range(3):
                for each in built:
                    await box.deliver_due(each)
                clock[0] += timedelta(minutes=1)
                window.failure = None
                blocked.unlink(missing_ok=True) if blocked.is_file() else None

    assert {store.owed[each].status for each in owed.values()} == {"delivered"}
    assert {name: store.owed[each].attempts for name, each in owed.items()} == {"file": 2, "webhook": 3, "otlp": 2}
    assert json.loads(destination.taken[0][1])["delivery_id"] == owed["webhook"]
    assert len(window.spans) == 1
    evidence = blocked / AGENT_UUID / "run-1.evidence.db"
    assert sqlite3.connect(f"file:{evidence}?mode=ro", uri=True).execute("SELECT 1").fetchone() == (1,)


def _database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE facts (n)")
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content
