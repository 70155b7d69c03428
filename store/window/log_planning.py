"""From a log request to what the window will keep of it: the records that tell of a span's work.

Pure: no database. A log request has the shape of a trace request (field 1 the resources, in them field 2 the
scopes, in them field 2 the records), so its bytes are cut and pasted like spans.
"""

from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

from domain.errors import PermanentError
from domain.log_events import is_agent_event, names_a_span
from domain.otlp import ExportLogsServiceRequest, LogRecord
from domain.spans import SPAN_ID_BYTES
from domain.wire import Piece, split

_HASH_BYTES = 8
KEY_BYTES = SPAN_ID_BYTES + _HASH_BYTES
NO_SPAN, NO_AGENT_EVENT = "no_span", "not_an_agent_event"


class LogRow(NamedTuple):
    """A record to keep; `key` is its span id and a hash of its bytes, the same for one that is sent again."""

    trace_id: bytes
    key: bytes
    piece: Piece


class LogPlan(NamedTuple):
    """What to keep of one log request; `raw` is the request, `dropped` counts records by why they are not kept."""

    raw: bytes
    rows: list[LogRow]
    accepted: int
    dropped: Counter[str]


def plan_logs(request: bytes, message: ExportLogsServiceRequest) -> LogPlan:
    """The plan of a request; PermanentError when `message` is not `request` parsed."""
    pieces, records = list(split(request)), list(_records(message))
    if len(pieces) != len(records):
        raise PermanentError("the request's bytes and the message parsed from them hold different log records")
    rows: list[LogRow] = []
    dropped: Counter[str] = Counter()
    for piece, record in zip(pieces, records, strict=True):
        if not names_a_span(record):
            dropped[NO_SPAN] += 1
        elif not is_agent_event(record):
            dropped[NO_AGENT_EVENT] += 1
        else:
            key = record.span_id + blake2b(piece.span, digest_size=_HASH_BYTES).digest()
            rows.append(LogRow(record.trace_id, key, piece))
    return LogPlan(request, rows, len(records), dropped)


def split_keys(keys: bytes) -> list[bytes]:
    """The keys of a row's records, in their order."""
    return [keys[start : start + KEY_BYTES] for start in range(0, len(keys), KEY_BYTES)]


def _records(message: ExportLogsServiceRequest) -> Iterator[LogRecord]:
    for resource_logs in message.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            yield from scope_logs.log_records
