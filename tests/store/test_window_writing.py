"""The writer: groups, limits, failures of the disk, and who is told what."""

import asyncio
import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain.errors import PermanentError, RetryableError
from domain.otlp import ExportTraceServiceRequest
from store.backends.sqlite import Commit
from store.window.ingest import Ingest
from telemetry.metrics import COMMITS, STORED_SPANS
from tests.store.window_kit import Clock, keep, make_span, open_store, request_of, whole_trace


@contextmanager
def files_limited_to(size_bytes: int) -> Iterator[None]:
    """As if the disk were full: no file of this process may grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def commits() -> float:
    return COMMITS._value.get()


async def test_requests_that_wait_together_are_committed_together(tmp_path: Path) -> None:
    """One fsync for many senders is what makes durable acknowledgement cheap."""
    async with open_store(tmp_path, Clock()) as store:
        before = commits()
        answers = await asyncio.gather(*(keep(store, *whole_trace(number)) for number in range(50)))
        needed = commits() - before
        spans = store.reader().sums()["spans"]

    assert all(answer.accepted == 3 for answer in answers)
    assert spans == 150
    assert needed < 50


@pytest.mark.parametrize("limit", [Commit(max_spans=1), Commit(max_bytes=1)])
async def test_a_commit_is_bounded_by_spans_and_bytes(tmp_path: Path, limit: Commit) -> None:
    """A commit as long as the queue would make the last sender wait for all before it."""
    async with open_store(tmp_path, Clock(), commit=limit) as store:
        before = commits()
        await asyncio.gather(*(keep(store, *whole_trace(number)) for number in range(10)))

    assert commits() - before == 10


async def test_what_may_wait_is_bounded_and_the_rest_is_told_to_retry(tmp_path: Path) -> None:
    """Memory is not a queue: a sender can wait, a process without memory cannot."""
    async with open_store(tmp_path, Clock(), commit=Commit(max_queued_bytes=2_000)) as store:
        answers = await asyncio.gather(
            *(keep(store, *whole_trace(number)) for number in range(100)), return_exceptions=True
        )
        kept = [answer for answer in answers if not isinstance(answer, BaseException)]
        spans = store.reader().sums()["spans"]
        later = await keep(store, *whole_trace("later"))

    refused = [answer for answer in answers if isinstance(answer, RetryableError)]
    assert len(kept) + len(refused) == 100
    assert refused and all("wait to be stored" in str(error) for error in refused)
    assert spans == 3 * len(kept)
    assert later.accepted == 3


async def test_one_undecodable_request_does_not_cost_its_neighbours(tmp_path: Path) -> None:
    """Requests of different senders share a commit, not a fate."""
    good = request_of(whole_trace("good"))
    async with open_store(tmp_path, Clock()) as store:
        answers = await asyncio.gather(
            store.window.append(good.SerializeToString(), good),
            store.window.append(b"\x0a\xff", ExportTraceServiceRequest()),
            keep(store, *whole_trace("also good")),
            return_exceptions=True,
        )
        spans = store.reader().sums()["spans"]

    assert [type(answer).__name__ for answer in answers] == ["Appended", "PermanentError", "Appended"]
    assert isinstance(answers[1], PermanentError)
    assert spans == 6


async def test_a_request_that_breaks_the_index_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an unforeseen value does, it must not turn into an outage for all who share a commit with it."""
    real = Ingest.append

    def choke(self: Ingest, plans: list, now_ns: int):  # type: ignore[no-untyped-def, type-arg]
        if any(row.name == "poison" for each in plans for row in each.rows):
            raise OverflowError("a value nobody thought of")
        return real(self, plans, now_ns)

    monkeypatch.setattr(Ingest, "append", choke)
    async with open_store(tmp_path, Clock()) as store:
        answers = await asyncio.gather(
            keep(store, *whole_trace("a")),
            keep(store, make_span("b", "poison")),
            keep(store, *whole_trace("c")),
            return_exceptions=True,
        )
        spans = store.reader().sums()["spans"]

    assert [type(answer).__name__ for answer in answers] == ["Appended", "RetryableError", "Appended"]
    assert spans == 6


async def test_a_full_disk_is_told_and_forgotten_as_soon_as_there_is_room(tmp_path: Path) -> None:
    """Nothing half-written, no restart needed: the sender's retry finds everything as it was."""
    clock = Clock()
    big = [make_span("big", n, note="%x" % (7**n) * 300) for n in range(400, 600)]
    async with open_store(tmp_path, clock) as store:
        await keep(store, *whole_trace("before"))
        with files_limited_to((tmp_path / "window.db-wal").stat().st_size + 16_384):
            with pytest.raises(RetryableError) as told:
                await keep(store, *big)
            during = store.reader().sums()
        after = await keep(store, *big)
        sums = store.reader().sums()
        window = sqlite3.connect(f"file:{tmp_path / 'window.db'}?mode=ro", uri=True)
        verdict = window.execute("PRAGMA integrity_check").fetchone()[0]
        window.close()

    assert told.value.retry_after_s is not None
    assert during["spans"] == 3
    assert (after.accepted, sums["spans"], verdict) == (200, 203, "ok")


async def test_what_becomes_of_spans_is_counted(tmp_path: Path) -> None:
    """An operator must see that half of what arrives is resent."""

    def count(outcome: str) -> float:
        return STORED_SPANS.labels(outcome=outcome)._value.get()

    before = {outcome: count(outcome) for outcome in ("new", "replaced", "resent")}
    async with open_store(tmp_path, Clock()) as store:
        await keep(store, make_span("t", "a", end_s=1), make_span("t", "b"))
        await keep(store, make_span("t", "a", end_s=2), make_span("t", "b"), make_span("t", "c"))

    assert {outcome: count(outcome) - before[outcome] for outcome in before} == {"new": 3, "replaced": 1, "resent": 1}


async def test_a_sender_that_gave_up_does_not_disturb_the_others(tmp_path: Path) -> None:
    """Deadlines end calls while their commit is under way; the spans are kept all the same."""
    async with open_store(tmp_path, Clock()) as store:
        impatient = asyncio.ensure_future(keep(store, *whole_trace("impatient")))
        await asyncio.sleep(0)
        impatient.cancel()
        answer = await keep(store, *whole_trace("patient"))
        spans = store.reader().sums()["spans"]

    assert impatient.cancelled()
    assert (answer.accepted, spans) == (3, 6)


async def test_stopping_commits_what_is_queued(tmp_path: Path) -> None:
    """SIGTERM must not turn accepted work into retries."""
    store = open_store(tmp_path, Clock())
    async with store:
        waiting = [asyncio.ensure_future(keep(store, *whole_trace(number))) for number in range(20)]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*waiting)
    async with open_store(tmp_path, Clock()) as store:
        spans = store.reader().sums()["spans"]

    assert [answer.accepted for answer in answers] == [3] * 20
    assert spans == 60


async def test_the_log_stays_bounded_without_any_upkeep(tmp_path: Path) -> None:
    """A log that grew to fill the disk could never be copied into the file, and nothing would ever recover."""
    longest = 0
    async with open_store(tmp_path, Clock(), max_file_bytes=16 * 2**20) as store:
        for number in range(200):
            await keep(store, make_span(number, "root", note="%x" % (7**number) * 50))
            longest = max(longest, (tmp_path / "window.db-wal").stat().st_size)

    assert longest <= 2 * 2**20 + 256 * 1024
