"""Log records to fill a window with."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from domain.otlp import ExportLogsServiceRequest, KeyValue, LogRecord, ResourceLogs, any_value
from store.backends.sqlite import SqliteStore
from store.base import Appended
from store.window.connecting import WINDOW_NAME, connect_reader
from tests.store.window_kit import SECOND_NS, START_NS, span_id, trace_id


def make_record(
    trace: object, span: object, event: str = "gen_ai.user.message", *, at_s: float = 0.5, body: Any = None, **said: Any
) -> LogRecord:
    """A record of a span that `window_kit.make_span` makes; `a__b` is the attribute `a.b`."""
    record = LogRecord(
        trace_id=trace_id(trace),
        span_id=span_id(f"{trace}/{span}"),
        event_name=event,
        time_unix_nano=START_NS + int(at_s * SECOND_NS),
    )
    if body is not None:
        record.body.CopyFrom(any_value(body))
    record.attributes.extend(KeyValue(key=key.replace("__", "."), value=any_value(said[key])) for key in said)
    return record


def log_request(records: Iterable[LogRecord], service: str = "svc") -> ExportLogsServiceRequest:
    """One request of one service."""
    resource_logs = ResourceLogs()
    resource_logs.resource.attributes.append(KeyValue(key="service.name", value=any_value(service)))
    resource_logs.scope_logs.add(log_records=records).scope.name = "tests"
    return ExportLogsServiceRequest(resource_logs=[resource_logs])


async def keep_logs(store: SqliteStore, *records: LogRecord) -> Appended:
    """Append one request."""
    message = log_request(records)
    return await store.window.append_logs(message.SerializeToString(), message)


def events(store: SqliteStore, trace: object, span: object) -> list[str]:
    """The names of a span's events."""
    found = store.reader().span(trace_id(trace).hex(), span_id(f"{trace}/{span}").hex())
    assert found is not None
    return [event.name for event in found.span.events]


def log_rows(directory: Path) -> list[tuple[int, int]]:
    """(folded, records) of each row of log records."""
    connection = connect_reader(directory / WINDOW_NAME)
    try:
        return connection.execute("SELECT folded, records FROM logs ORDER BY id").fetchall()
    finally:
        connection.close()
