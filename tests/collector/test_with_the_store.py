"""Both edges on the real store: what is answered is in the window, what is owed outlives the process."""

import asyncio
from datetime import timedelta
from pathlib import Path

from collector.delivery import DeliveryConfig, Outbox
from collector.keeping import Keeper
from collector.pipeline import EXPORTERS, configure, exporters
from collector.receivers.otlp import create
from domain.runs import RunOptions, RunWindow
from store.backends import sqlite
from store.base import EvidenceBundle
from store.control.control import open_control
from tests.collector.fakes import AGENT_UUID, NOON, report, request
from tests.collector.serving import config, export, post, traces_url, until


async def test_what_was_answered_is_in_the_window(tmp_path: Path) -> None:
    """Resent and sent over the other protocol, a span is still one span."""
    body = request(count=50).SerializeToString()
    async with sqlite.create(sqlite.Config(directory=tmp_path), background=False) as store:
        async with create(config(), keeper=Keeper(store.window)) as running:
            replies = await asyncio.gather(*(post(traces_url(running), body) for _ in range(3)))
            answer = await export(running, body)
        sums = await asyncio.to_thread(store.reader().sums)

    assert [reply.status for reply in replies] == [200, 200, 200]
    assert answer == b""
    assert (sums["spans"], sums["traces"]) == (50, 1)


async def test_a_report_that_could_not_be_written_is_written_after_a_restart(tmp_path: Path) -> None:
    """The delivery keeps its id and its attempts over the restart."""
    blocked = tmp_path / "reports"
    blocked.write_text("in the way")
    clock = [NOON]
    with open_control(tmp_path, now=lambda: clock[0]) as control:
        window = RunWindow(start=NOON - timedelta(days=1), end=NOON)
        control.create_run(AGENT_UUID, window, RunOptions(), title="t")
        run = control.claim_run()
        assert run is not None
        assert control.mark_running(run.id, run.attempt)
        evidence = EvidenceBundle(("a",), [(1,)], b"", {})
        assert control.save_report(run.id, run.attempt, report(run.id), "# The report", evidence, ["file"])
        [owed] = control.deliveries(run.id)
        built = exporters(configure({EXPORTERS: {"file": None}})[EXPORTERS], data_dir=tmp_path)
        async with Outbox(DeliveryConfig(), built, control, now=lambda: clock[0]):
            await until(lambda: control.deliveries(run.id)[0].attempts == 1)

    blocked.unlink()
    clock[0] += timedelta(minutes=5)
    with open_control(tmp_path, now=lambda: clock[0]) as control:
        async with Outbox(DeliveryConfig(), built, control, now=lambda: clock[0]):
            await until(lambda: control.deliveries(run.id)[0].status == "delivered")
        [delivered] = control.deliveries(run.id)

    assert (delivered.id, delivered.attempts, delivered.last_error) == (owed.id, 2, None)
    assert (blocked / AGENT_UUID / "latest.md").read_text() == "# The report"
    assert (blocked / AGENT_UUID / f"{run.id}.evidence.db").read_bytes().startswith(b"SQLite format 3")
