"""Keeping the file below its size limit, and making room when a commit has hit it all the same."""

import sqlite3
from collections.abc import Callable, Sequence

import structlog

from store.base import Selection
from store.window.connecting import PAGE_BYTES
from store.window.eviction import Evictor
from store.window.retention import Batch, Limits, Retention
from store.window.transactions import transaction
from telemetry.metrics import EVICTED_SPANS

_LOG = structlog.get_logger()
_HIGH_WATER, _LOW_WATER = 0.9, 0.85
_NEAR_PAGES = 64
_RESERVE_PAGES = 1024  # evicting may need a few pages before it frees many
_FREED_SHARE = 0.05


def evict_batch(connection: sqlite3.Connection, batch: Batch) -> int:
    """Take a batch, in the caller's transaction; how many spans went."""
    evicted = Evictor(connection).evict(batch.keys)
    EVICTED_SPANS.labels(reason=batch.reason).inc(evicted.spans)
    return evicted.spans


def used_share(connection: sqlite3.Connection) -> float:
    """How much of the file's limit is in use; `connection` is the one the limit was set on."""
    pages, free, limit = _pages(connection)
    return (pages - free) / limit


def _pages(connection: sqlite3.Connection) -> tuple[int, int, int]:
    pages, free, limit = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "max_page_count")
    )
    return pages, free, limit


def needs_room(share: float, *, already_evicting: bool) -> bool:
    """Whether to evict for size: from the high-water mark down to the low one."""
    return share > (_LOW_WATER if already_evicting else _HIGH_WATER)


def make_room(connection: sqlite3.Connection, protected: Callable[[], Sequence[Selection]]) -> bool:
    """After a commit that did not fit: evict the oldest; False when the disk is full rather than the file.

    Runs on the writing thread, outside a transaction.
    """
    pages, _, limit = _pages(connection)
    if pages + _NEAR_PAGES < limit:
        return False
    wanted_pages = max(int(limit * _FREED_SHARE), _NEAR_PAGES)
    connection.execute(f"PRAGMA max_page_count={limit + _RESERVE_PAGES}")
    _LOG.warning("eviction_started", reason="size", limit_bytes=limit * PAGE_BYTES)
    taken = 0
    try:
        while _pages(connection)[1] < wanted_pages:
            batch = Retention(connection, Limits(0, 0, 0), protected()).oldest()
            with transaction(connection):
                spans = evict_batch(connection, batch)
            if not spans:
                break
            taken += spans
    finally:
        connection.execute(f"PRAGMA max_page_count={limit}")
    _LOG.warning("eviction_committed", reason="size", spans=taken)
    return taken > 0
