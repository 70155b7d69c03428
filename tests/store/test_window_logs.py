"""Log records in the window: which are kept, how they meet their spans, how they are folded and go."""

import asyncio
import json
import shutil
import sqlite3
from pathlib import Path
from random import Random
from typing import Any

import pytest

from domain.errors import RetryableError
from domain.otlp import LogRecord, Span, any_value
from domain.otlp_json import to_json
from domain.signals import LOGS
from store.backends.sqlite import load_window, open_reader
from store.loading import Loaded, LoadReport, read_requests
from store.window import known_logs, logs, schema, writer
from store.window.connecting import WINDOW_NAME
from store.window.containers import Codec
from telemetry.metrics import DROPPED_ITEMS
from tests.store.log_kit import events, keep_logs, log_request, log_rows, make_record
from tests.store.window_kit import (
    EVERYTHING,
    SECOND_NS,
    START_NS,
    Clock,
    keep,
    make_span,
    open_store,
    request_of,
    span_id,
    trace_id,
    whole_trace,
)

DAY_S = 86_400


def dropped(reason: str) -> float:
    return DROPPED_ITEMS.labels("logs", reason)._value.get()


async def test_a_record_joins_its_span_whether_it_comes_before_or_after(tmp_path: Path) -> None:
    """SDKs export logs and spans from two queues: either may be first, and both orders mean the same."""
    async with open_store(tmp_path, Clock()) as store:
        await keep_logs(store, make_record("t", "root", "gen_ai.user.message", body={"content": "before"}))
        await keep(store, *whole_trace("t"))
        await keep_logs(store, make_record("t", "root", "gen_ai.choice", at_s=0.9))

        assert events(store, "t", "root") == ["gen_ai.user.message", "gen_ai.choice"]
        assert events(store, "t", "child 1") == []
        assert store.reader().sums()["log_records"] == 2


async def test_joined_records_stand_after_the_spans_own_events_by_their_time(tmp_path: Path) -> None:
    """A conversation read in the wrong order is another conversation."""
    span = make_span("t", "root")
    span.events.add(name="own", time_unix_nano=START_NS + 9 * SECOND_NS)
    async with open_store(tmp_path, Clock()) as store:
        await keep(store, span)
        await keep_logs(store, make_record("t", "root", "gen_ai.choice", at_s=2))
        await keep_logs(store, make_record("t", "root", "gen_ai.user.message", at_s=1))

        assert events(store, "t", "root") == ["own", "gen_ai.user.message", "gen_ai.choice"]


async def test_the_bytes_of_a_joined_span_are_those_of_what_is_shown(tmp_path: Path) -> None:
    """Evidence freezes the bytes, verification derives from them: they must say what the analysis saw."""
    span = make_span("t", "root")
    async with open_store(tmp_path, Clock()) as store:
        await keep(store, span)
        await keep_logs(store, make_record("t", "root", body={"content": "hello"}))
        stored = store.reader().span(trace_id("t").hex(), span_id("t/root").hex())

    assert stored is not None
    assert Span.FromString(stored.raw) == stored.span
    assert stored.raw.startswith(span.SerializeToString())
    assert {item.key: item.value for item in stored.span.events[0].attributes} == {
        "content": any_value("hello"),
        "halo.source": any_value("log"),
    }


async def test_only_events_of_an_agents_work_that_name_a_span_are_kept(tmp_path: Path) -> None:
    """An application's whole log would fill the window; every record left out is counted."""
    wrong_span = make_record("t", "root")
    wrong_span.span_id = b"\0" * 8
    no_trace = make_record("t", "root")
    no_trace.trace_id = b"short"
    before = dropped("no_span"), dropped("not_an_agent_event")
    async with open_store(tmp_path, Clock()) as store:
        await keep(store, make_span("t", "root"))
        appended = await keep_logs(
            store,
            make_record("t", "root", "", body="a line of the log"),
            make_record("t", "root", "app.started"),
            wrong_span,
            no_trace,
            make_record("t", "root", "", exception__type="ValueError", exception__message="boom"),
            make_record("t", "root", "", event__name="gen_ai.choice"),
            make_record("t", "root", "gen_ai.evaluation.result"),
        )

        assert appended == (7, 0, "")
        assert sorted(events(store, "t", "root")) == ["exception", "gen_ai.choice", "gen_ai.evaluation.result"]
    assert (dropped("no_span"), dropped("not_an_agent_event")) == (before[0] + 2, before[1] + 2)


async def test_a_record_that_is_sent_again_is_kept_once(tmp_path: Path) -> None:
    """A sender whose answer got lost sends again, before or after the records were folded."""
    record = make_record("t", "root", body={"content": "once"})
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, *whole_trace("t"))
        await asyncio.gather(keep_logs(store, record, record), keep_logs(store, record))
        clock.forward(60)
        await store.fold()
        again = await keep_logs(store, record)

        assert again.accepted == 1
        assert events(store, "t", "root") == ["gen_ai.user.message"]
        assert log_rows(tmp_path) == [(1, 1)]


async def test_records_are_folded_once_their_trace_is_and_late_ones_still_join(tmp_path: Path) -> None:
    """One blob a trace is what keeps repeated histories small; being late is no reason to be lost."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        for turn in range(5):
            await keep_logs(store, make_record("t", "root", at_s=turn))
        clock.forward(60)
        await store.fold()
        waiting = log_rows(tmp_path)
        await keep(store, *whole_trace("t"))
        clock.forward(60)
        await store.fold()
        folded = log_rows(tmp_path)
        await keep_logs(store, make_record("t", "child 1", "gen_ai.choice"))
        joined_late = events(store, "t", "child 1")
        clock.forward(60)
        await store.fold()

        assert (waiting, folded, log_rows(tmp_path)) == ([(0, 1)] * 5, [(1, 5)], [(1, 6)])
        assert joined_late == events(store, "t", "child 1") == ["gen_ai.choice"]
        assert len(events(store, "t", "root")) == 5


async def test_messages_that_repeat_compress_across_a_traces_records(tmp_path: Path) -> None:
    """GenAI events carry the whole history turn after turn; on disk the repetition must cost next to nothing."""
    clock = Clock()
    history: list[dict[str, str]] = []
    raw_bytes = 0
    async with open_store(tmp_path, clock) as store:
        await keep(store, make_span("t", "root"))
        for turn in range(60):
            history.append({"role": "user", "content": " ".join(f"{turn * n * 7919 % 99_991}" for n in range(60))})
            name = "gen_ai.client.inference.operation.details"
            record = make_record("t", "root", name, at_s=turn, gen_ai__input__messages=json.dumps(history))
            raw_bytes += record.ByteSize()
            await keep_logs(store, record)
        clock.forward(60)
        await store.fold()
        assert len(events(store, "t", "root")) == 60
    connection = sqlite3.connect(tmp_path / WINDOW_NAME)
    stored_bytes, of_trace = connection.execute(
        "SELECT sum(l.stored_bytes), t.log_bytes FROM logs l, traces t"
    ).fetchone()
    connection.close()

    assert stored_bytes == of_trace < raw_bytes * 0.05


async def test_records_go_with_their_trace(tmp_path: Path) -> None:
    """Content of an evicted trace that stayed behind would be a leak, of disk and of privacy."""
    clock = Clock()
    async with open_store(tmp_path, clock, retention={"max_spans": 3}) as store:
        await keep(store, *whole_trace("old"))
        await keep_logs(store, make_record("old", "root"))
        clock.forward(60)
        await store.fold()
        await keep(store, *whole_trace("new"))
        await keep_logs(store, make_record("new", "root"))
        clock.forward(60)
        await store.fold()

        assert store.reader().trace(trace_id("old").hex()) is None
        assert events(store, "new", "root") == ["gen_ai.user.message"]
        assert log_rows(tmp_path) == [(1, 1)]


async def test_records_without_a_span_go_after_a_day(tmp_path: Path) -> None:
    """A sampled-out trace leaves its records behind; nobody will ever read them."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, *whole_trace("t"))
        await keep_logs(store, make_record("t", "root"), make_record("never", "root"))
        clock.forward(DAY_S / 2)
        await store.fold()
        half_a_day = store.reader().sums()["log_records"]
        clock.forward(DAY_S)
        await store.fold()

        assert (half_a_day, store.reader().sums()["log_records"]) == (2, 1)
        assert events(store, "t", "root") == ["gen_ai.user.message"]


async def test_records_that_waited_long_with_their_trace_are_no_orphans(tmp_path: Path) -> None:
    """A sidecar that was down for days folds late; that must not cost what belongs to a trace."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, *whole_trace("t"))
        await keep_logs(store, make_record("t", "root"))
        clock.forward(2 * DAY_S)
        await store.fold()

        assert events(store, "t", "root") == ["gen_ai.user.message"]


async def test_an_agents_bytes_include_those_of_its_records(tmp_path: Path) -> None:
    """The limit is on what an agent costs, and content may travel in records alone."""
    clock = Clock()
    noise = [Random(turn).randbytes(size).hex() for turn, size in enumerate((20_000, 1_000))]
    async with open_store(tmp_path, clock, retention={"max_bytes": 4_000}) as store:
        for turn, name in enumerate(("old", "new")):
            await keep(store, *whole_trace(name))
            await keep_logs(store, make_record(name, "root", body={"content": noise[turn]}))
            clock.forward(60)
            await store.fold()
        await store.fold()

        assert store.reader().trace(trace_id("old").hex()) is None
        assert store.reader().trace(trace_id("new").hex()) is not None


async def test_records_without_a_span_make_room_when_the_file_is_full(tmp_path: Path) -> None:
    """Logs alone must not fill the disk and lock spans out."""
    clock = Clock()
    async with open_store(tmp_path, clock, max_file_bytes="1MiB") as store:
        for number in range(60):
            noise = Random(number).randbytes(40_000).hex()
            await keep_logs(store, make_record(f"lost {number}", "root", body={"content": noise}))
            clock.forward(1)
        await keep(store, *whole_trace("kept"))
        await store.maintain(force=True)
        trace = store.reader().trace(trace_id("kept").hex())

    assert trace is not None
    assert len(trace.spans) == 3


async def test_what_was_acknowledged_is_there_after_a_crash(tmp_path: Path) -> None:
    """A copy of the running files is what a crash leaves: half folded, half not."""
    clock = Clock()
    async with open_store(tmp_path / "running", clock) as store:
        await keep(store, *whole_trace("t"))
        await keep_logs(store, make_record("t", "root", at_s=1))
        clock.forward(60)
        await store.fold()
        await keep_logs(store, make_record("t", "root", "gen_ai.choice", at_s=2))
        shutil.copytree(tmp_path / "running", tmp_path / "crashed")
    async with open_store(tmp_path / "crashed", clock) as store:
        found = events(store, "t", "root")
        clock.forward(60)
        await store.fold()

        assert found == events(store, "t", "root") == ["gen_ai.user.message", "gen_ai.choice"]
        assert log_rows(tmp_path / "crashed") == [(1, 2)]


def older_window(directory: Path) -> None:
    """A window as the version before log records left it."""
    connection = sqlite3.connect(directory / WINDOW_NAME)
    for statement in (
        "DROP TABLE live_buckets",
        "DROP INDEX traces_logs",
        "ALTER TABLE traces DROP COLUMN log_bytes",
        "DROP TABLE logs",
    ):
        connection.execute(statement)
    connection.execute("PRAGMA user_version=1")
    connection.commit()
    connection.close()


async def test_a_window_of_the_version_before_is_read_and_migrated(tmp_path: Path) -> None:
    """An update must not cost the traces of the last month, and a reader may meet the old file first."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, *whole_trace("t"))
        clock.forward(60)
        await store.fold()
    older_window(tmp_path)
    with open_reader(tmp_path, now_ns=clock) as reader:
        read_before = [len(trace.spans) for trace in reader.read(reader.select(EVERYTHING).keys)]
        records_before = reader.sums()["log_records"]
        assert reader.live(None, 0, 2**62) == []
    async with open_store(tmp_path, clock) as store:
        await keep_logs(store, make_record("t", "root"))

        assert (read_before, records_before) == ([3], 0)
        assert events(store, "t", "root") == ["gen_ai.user.message"]
    connection = sqlite3.connect(tmp_path / WINDOW_NAME)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION
    connection.close()


async def test_unknown_fields_and_envelopes_of_a_record_are_kept(tmp_path: Path) -> None:
    """The truth is the bytes: a newer sender's fields are there for a newer HALO to read."""
    clock = Clock()
    message = log_request([make_record("t", "root")])
    request = message.SerializeToString()
    strange = LogRecord.FromString(make_record("t", "root", at_s=3).SerializeToString() + b"\xa2\x06\x03new")
    async with open_store(tmp_path, clock) as store:
        await keep(store, *whole_trace("t"))
        await store.window.append_logs(request, message)
        await keep_logs(store, strange)
        clock.forward(60)
        await store.fold()
    connection = sqlite3.connect(tmp_path / WINDOW_NAME)
    raw = Codec().decompress(connection.execute("SELECT data FROM logs").fetchone()[0])
    connection.close()

    assert b"\xa2\x06\x03new" in raw
    assert raw.startswith(request[:1])
    assert b"service.name" in raw


async def test_too_many_bytes_at_once_are_told_to_wait(tmp_path: Path) -> None:
    """Log requests are bounded as trace requests are."""
    async with open_store(tmp_path, Clock(), commit={"max_queued_bytes": 1}) as store:
        results = await asyncio.gather(
            *(keep_logs(store, make_record("t", "root", at_s=n)) for n in range(20)), return_exceptions=True
        )

    assert any(isinstance(each, RetryableError) for each in results)
    assert any(not isinstance(each, BaseException) for each in results)


@pytest.mark.parametrize("commits", [1, 40])
async def test_a_trace_whose_records_exceed_a_step_is_folded_in_parts(tmp_path: Path, commits: int) -> None:
    """Memory stays bounded however long an agent talks."""
    clock = Clock()
    merge = {"frame_bytes": "64KiB", "step_bytes": "128KiB"}
    records = [make_record("t", "root", at_s=n, body={"content": f"{n} " * 2_000}) for n in range(80)]
    async with open_store(tmp_path, clock, merge=merge) as store:
        await keep(store, *whole_trace("t"))
        for start in range(0, 80, 80 // commits):
            await keep_logs(store, *records[start : start + 80 // commits])
        clock.forward(60)
        for _ in range(10):
            await store.fold()
        found = store.reader().span(trace_id("t").hex(), span_id("t/root").hex())
    assert found is not None
    times = [event.time_unix_nano for event in found.span.events]

    assert times == [record.time_unix_nano for record in records]
    assert {folded for folded, _ in log_rows(tmp_path)} == {1}
    assert len(log_rows(tmp_path)) > 3


def test_log_documents_in_files_join_the_spans_beside_them(tmp_path: Path) -> None:
    """A Collector writes traces and logs into files of their own; the analysis of both sees the messages."""
    records = [
        make_record("t", "root", "gen_ai.choice", body={"message": {"content": "hi"}}),
        make_record("t", "x", ""),
    ]
    (tmp_path / "logs.jsonl").write_text(json.dumps(to_json(log_request(records))) + "\n")
    (tmp_path / "traces.jsonl").write_text(json.dumps(to_json(request_of(whole_trace("t")))) + "\n")
    report = LoadReport()
    files = [tmp_path / "logs.jsonl", tmp_path / "traces.jsonl"]
    with load_window(read_requests(files, report), tmp_path / "window") as reader:
        found = reader.span(trace_id("t").hex(), span_id("t/root").hex())

    assert found is not None
    assert [event.name for event in found.span.events] == ["gen_ai.choice"]
    assert (report.spans, report.log_records, report.bad_lines) == (3, 2, 0)


@pytest.mark.parametrize(
    "line", ['{"resourceLogs": [', '{"resourceLogs": 5}', '{"resourceLogs": [{"scopeLogs": [7]}]}']
)
def test_a_broken_log_document_costs_its_line(line: str, tmp_path: Path) -> None:
    """As a broken span line does."""
    (tmp_path / "a.jsonl").write_text(line + "\n" + json.dumps(to_json(request_of(whole_trace("t")))) + "\n")
    report = LoadReport()

    assert len(list(read_requests([tmp_path / "a.jsonl"], report))) == 1
    assert [bad.line for bad in report.bad] == [1]


async def test_a_commit_that_failed_leaves_nothing_behind_not_even_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender tries again, and then the record must not be taken for one that is there already."""
    real, failures = writer.append_logs, [sqlite3.OperationalError("disk I/O error")]

    def failing_once(*arguments: Any) -> Any:
        kept = real(*arguments)
        if failures:
            raise failures.pop()
        return kept

    async with open_store(tmp_path, Clock()) as store:
        await keep(store, *whole_trace("t"))
        await keep_logs(store, make_record("t", "child 1"))
        monkeypatch.setattr(writer, "append_logs", failing_once)
        with pytest.raises(RetryableError):
            await keep_logs(store, make_record("t", "root"))
        after_failure = events(store, "t", "root")
        await keep_logs(store, make_record("t", "root"))

        assert (after_failure, events(store, "t", "root")) == ([], ["gen_ai.user.message"])


async def test_a_record_of_a_trace_that_was_evicted_is_new_again(tmp_path: Path) -> None:
    """What the writer remembers must not outlive what it stands for."""
    clock = Clock()
    async with open_store(tmp_path, clock, retention={"max_age": "1h"}) as store:
        await keep(store, *whole_trace("t"))
        await keep_logs(store, make_record("t", "root"))
        clock.forward(7_200)
        await store.fold()
        gone = store.reader().sums()["log_records"]
        await keep(store, *whole_trace("t"))
        await keep_logs(store, make_record("t", "root"))

        assert (gone, events(store, "t", "root")) == (0, ["gen_ai.user.message"])


async def test_what_is_remembered_of_records_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgetting costs a look into the window, never a doubled record."""
    monkeypatch.setattr(known_logs, "_MAX_KEYS", 3)
    records = [make_record(f"t{n}", "root", at_s=turn) for turn in range(3) for n in range(4)]
    async with open_store(tmp_path, Clock()) as store:
        for record in records * 2:
            await keep_logs(store, record)

        assert store.reader().sums()["log_records"] == len(records)


async def test_a_span_that_was_exported_joined_is_not_joined_twice(tmp_path: Path) -> None:
    """Replaying an export beside the logs it was made of must not repeat every message."""
    async with open_store(tmp_path / "first", Clock()) as store:
        await keep(store, make_span("t", "root"))
        await keep_logs(store, make_record("t", "root"))
        stored = store.reader().span(trace_id("t").hex(), span_id("t/root").hex())
    assert stored is not None
    async with open_store(tmp_path / "second", Clock()) as store:
        await keep(store, stored.span)
        await keep_logs(store, make_record("t", "root"), make_record("t", "root", "gen_ai.choice", at_s=3))

        assert events(store, "t", "root") == ["gen_ai.user.message", "gen_ai.choice"]


def test_a_fold_of_what_retention_took_meanwhile_is_not_put_in_place(tmp_path: Path) -> None:
    """The thinking happens beside the writer; content that was evicted must not come back."""
    records = [make_record("t", "root", at_s=n) for n in range(3)]
    requests = [
        request_of(whole_trace("t")).SerializeToString(),
        *(Loaded(LOGS, log_request([record]).SerializeToString()) for record in records),
    ]
    load_window(requests, tmp_path).close()
    connection = sqlite3.connect(tmp_path / WINDOW_NAME, isolation_level=None)
    connection.execute("UPDATE traces SET hot = 0")
    folds, _ = logs.next_folds(connection, Codec(), 2**62, logs.START, frame_bytes=2**20, step_bytes=2**20)
    connection.execute("DELETE FROM logs WHERE id = 2")

    assert [len(fold.replaced) for fold in folds] == [3]
    assert logs.place_folds(connection, folds) == 0
    assert connection.execute("SELECT id, folded FROM logs").fetchall() == [(1, 0), (3, 0)]
    connection.close()
