"""Batches of span lines written into a window: the rows were made elsewhere, here they get their numbers.

A batch brings spans that are new, or it is refused whole: which of two spans with one id counts is decided by
`store.window.ingest` alone, from the bytes.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from store.filing.batches import Batch, sums_of
from store.window.agents import Totals
from store.window.bulk import execute_rows, look_up
from store.window.containers import insert_container
from store.window.dictionary import Dictionary
from store.window.ingest import PUT_KNOWN_TRACES, PUT_TRACES
from store.window.passages import Passage
from store.window.rolling import agents_of
from store.window.rollup import Identity, RollUp

_KNOWN = "SELECT json_array(hex(trace_id), id) AS found FROM traces WHERE trace_id IN"
_NEW = """
INSERT INTO traces (trace_id, revision, dirty, hot, rooted, spans, bytes, first_ns, last_ns, start_ns, end_ns, session,
    source_id, agent, nested, rolled_spans, root_name, service, status, has_root, llm_spans, tool_spans, error_spans,
    leaf_errors, input_tokens, output_tokens)
"""
_INSERT = f"INSERT OR IGNORE INTO spans VALUES ({', '.join('?' * 21)})"
_TRACE, _CONTAINER = 0, 3
_TEXTS = (6, 7, 13, 14, 15, 16, 17, 18)  # service, name, provider, model, tool, error, agent_id, agent_name


class LineWriter:
    """Writes batches over one connection; the caller owns the transaction."""

    def __init__(self, connection: sqlite3.Connection, dictionary: Dictionary, now_ns: int) -> None:
        self._connection = connection
        self._dictionary = dictionary
        self._now_ns = now_ns
        self._agents: dict[Identity, int] = {}

    def append(self, path: str, batch: Batch) -> bool:
        """Write the rows of a batch of a file; False, with nothing written, when one of its spans is known."""
        if not batch.columns:
            return True
        connection = self._connection
        connection.execute("SAVEPOINT lines")
        texts = {None: None} | {number: self._dictionary[text] for number, text in enumerate(batch.texts, 1)}
        traces = self._put_traces(batch, texts)
        containers = self._put_passages(path, batch, traces)
        maps: dict[int, Callable[[Any], int | None]] = {_TRACE: traces.__getitem__, _CONTAINER: containers.__getitem__}
        maps |= dict.fromkeys(_TEXTS, texts.__getitem__)
        columns = [map(maps[at], column) if at in maps else column for at, column in enumerate(batch.columns)]
        before = connection.total_changes
        connection.executemany(_INSERT, zip(*columns, strict=True))
        is_new = connection.total_changes - before == len(batch.columns[0])
        if not is_new:
            connection.execute("ROLLBACK TO lines")
            self._dictionary.rolled_back()
            self._agents.clear()
        connection.execute("RELEASE lines")
        return is_new

    def _put_traces(self, batch: Batch, texts: Mapping[int | None, int | None]) -> list[int]:
        """The numbers of a batch's traces. Those that are new get their sums; others have to be rolled up again."""
        names = [found[0] for found in batch.traces]
        known = {str(name) for name, _ in look_up(self._connection, _KNOWN, names)}
        new: list[tuple[object, ...]] = []
        grown: list[tuple[object, ...]] = []
        totals = Totals()
        for trace_id, size_bytes, session, source, plain in batch.traces:
            sums = sums_of(plain, texts)
            times = (self._now_ns, self._now_ns, sums.start_ns, sums.end_ns)
            row = (trace_id, 1, 1, 1, sums.rooted, sums.spans, size_bytes, *times, session, source)
            if trace_id.hex().upper() in known:
                grown.append(row)
                continue
            agent, nested = agents_of(self._connection, sums, self._agents)
            if nested:  # their relation needs the trace's number, which it does not have yet
                grown.append(row)
                continue
            totals.add(agent, nested, sums, self._now_ns)
            new.append((trace_id, 1, 0, *row[3:], agent, None, *_counted(sums)))
        execute_rows(self._connection, _NEW, new)
        execute_rows(self._connection, PUT_TRACES, grown, PUT_KNOWN_TRACES)
        totals.apply(self._connection)
        found = {name: int(key) for name, key in look_up(self._connection, _KNOWN, names)}
        return [found[name.hex().upper()] for name in names]

    def _put_passages(self, path: str, batch: Batch, traces: Sequence[int]) -> list[int]:
        """The numbers of the containers that stand for a batch's passages; 0 for one without spans."""
        return [
            insert_container(
                self._connection,
                Passage(path, offset, length, checksum).encoded(),
                agent=None,
                spans=spans,
                raw_bytes=length,
                oldest_ns=self._now_ns,
                traces=[traces[each] for each in held],
            )
            if spans
            else 0
            for offset, length, checksum, spans, held in batch.passages
        ]


def _counted(sums: RollUp) -> tuple[object, ...]:
    """The columns from `rolled_spans` on."""
    counts = (
        sums.llm_spans,
        sums.tool_spans,
        sums.error_spans,
        sums.leaf_errors,
        sums.input_tokens,
        sums.output_tokens,
    )
    return sums.spans, sums.root_name, sums.service, sums.status, sums.has_root, *counts
