"""Keeping the file below its size limit, and making room when a commit has hit it all the same.

The limit is the configured one. When the disk is smaller, nothing is evicted: senders are told to wait, since
what fills the disk may well be somebody else's.
"""

import sqlite3
from collections.abc import Callable, Sequence

import structlog

from store.base import Selection
from store.window.connecting import PAGE_BYTES
from store.window.eviction import Evictor
from store.window.logs import forget_rows
from store.window.retention import Batch, Limits, Retention
from store.window.transactions import transaction
from telemetry.metrics import EVICTED_LOG_RECORDS, EVICTED_SPANS

_LOG = structlog.get_logger()
_HIGH_WATER, _LOW_WATER = 0.9, 0.85
_NEAR_PAGES = 64
_RESERVE_PAGES = 1024  # evicting may need a few pages before it frees many
_FREED_PAGES = 1024  # a sender waits: upkeep goes on from here


def evict_batch(connection: sqlite3.Connection, batch: Batch) -> int:
    """Take a batch, in the caller's transaction; how many spans, and log records without a span, went."""
    evicted = Evictor(connection).evict(batch.keys)
    EVICTED_SPANS.labels(reason=batch.reason).inc(evicted.spans)
    if not batch.orphans:
        return evicted.spans
    records = forget_rows(connection, batch.orphans)
    EVICTED_LOG_RECORDS.labels(reason=batch.reason).inc(records)
    return evicted.spans + records


def used_share(connection: sqlite3.Connection, max_file_bytes: int) -> float:
    """How much of the file's size limit is in use."""
    pages, free = _pages(connection)
    return (pages - free) * PAGE_BYTES / max_file_bytes


def _pages(connection: sqlite3.Connection) -> tuple[int, int]:
    pages, free = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
    return int(pages), int(free)


def needs_room(share: float, *, already_evicting: bool) -> bool:
    """Whether to evict for size: from the high-water mark down to the low one."""
    return share > (_LOW_WATER if already_evicting else _HIGH_WATER)


def make_room(
    connection: sqlite3.Connection, max_file_bytes: int, protected: Callable[[], Sequence[Selection]]
) -> bool:
    """After a commit that did not fit: evict the oldest; False when it is not the size limit that was reached.

    Runs on the writing thread, outside a transaction.
    """
    limit = max_file_bytes // PAGE_BYTES
    if _pages(connection)[0] + _NEAR_PAGES < limit:
        return False
    wanted_pages = max(_NEAR_PAGES, min(limit // 20, _FREED_PAGES))
    connection.execute(f"PRAGMA max_page_count={limit + _RESERVE_PAGES}")
    _LOG.debug("eviction_started", reason="size", limit_bytes=max_file_bytes)
    taken = 0
    try:
        while _pages(connection)[1] < wanted_pages:
            batch = Retention(connection, Limits(0, 0, 0), protected).oldest()
            with transaction(connection):
                spans = evict_batch(connection, batch)
            if not spans:
                break
            taken += spans
    finally:
        connection.execute(f"PRAGMA max_page_count={limit}")
    _LOG.debug("eviction_committed", reason="size", spans=taken)
    return taken > 0
