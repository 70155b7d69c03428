"""Moving spans between containers: gather them, cut them into frames, put the frames in place.

Gathering and compressing work on a reading connection while arrivals go on; `place` is the short transaction
that makes a frame true. It moves only spans that are still where they were seen, so whatever happened in
between, and wherever a crash falls, every span has exactly one location and its bytes are there.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from domain.wire import Piece, join
from store.window.bulk import execute_rows
from store.window.containers import Codec, insert_container, open_container, release_spans

_MOVES = "WITH moves (to_container, to_ordinal, trace, span_id, container, ordinal) AS ("
_MOVE = """)
UPDATE spans SET container = to_container, ordinal = to_ordinal FROM moves
WHERE spans.trace = moves.trace AND spans.span_id = moves.span_id
    AND spans.container = moves.container AND spans.ordinal = moves.ordinal
"""


FRAME_SPANS = 1_024
HALF_FULL = 0.5


class Placed(NamedTuple):
    """A span and where its bytes are."""

    trace: int
    span_id: int
    container: int
    ordinal: int
    start_ns: int
    size_bytes: int


class Subject(NamedTuple):
    """A trace to be moved; `revision` is given when its frame completes its folding."""

    key: int
    last_ns: int
    revision: int | None = None


class Frame(NamedTuple):
    """A container ready to be put in place; `agent` None makes it a hot batch."""

    agent: int | None
    data: bytes
    raw_bytes: int
    spans: Sequence[Placed]
    traces: Sequence[Subject]
    completed: Sequence[Subject]  # traces whose last spans are in this frame


def make_frames(
    codec: Codec,
    agent: int | None,
    subjects: Mapping[int, Subject],
    spans: Iterable[Placed],
    pieces: Mapping[tuple[int, int], Piece],
    frame_bytes: int,
) -> Iterator[Frame]:
    """One owner's spans as frames, each trace in one stretch by start time, as few frames as the size allows."""
    ordered = sorted((s for s in spans if s[:2] in pieces), key=lambda s: (s.trace, s.start_ns, s.span_id))
    left = Counter(span.trace for span in ordered)
    for chunk in _cut(ordered, pieces, frame_bytes):
        raw = join(pieces[span[:2]] for span in chunk)
        here = dict.fromkeys(span.trace for span in chunk)
        left.subtract(span.trace for span in chunk)
        traces = [subjects[key] for key in here]
        yield Frame(agent, codec.compress_frame(raw), len(raw), chunk, traces, [t for t in traces if not left[t.key]])


def _cut(
    spans: Sequence[Placed], pieces: Mapping[tuple[int, int], Piece], frame_bytes: int
) -> Iterator[Sequence[Placed]]:
    """Stretches that fit a frame; a trace is not torn where the frame before it is at least half full."""
    trace_bytes: Counter[int] = Counter()
    trace_spans: Counter[int] = Counter()
    for span in spans:
        trace_bytes[span.trace] += span.size_bytes
        trace_spans[span.trace] += 1
    chunk: list[Placed] = []
    size_bytes = 0
    before: Piece | None = None
    for span in spans:
        piece = pieces[span[:2]]
        wanted = needed = len(piece.span)
        if before is None or before[:2] != piece[:2]:
            wanted = needed = needed + len(piece.resource) + len(piece.scope)
        count = 1
        if chunk and chunk[-1].trace != span.trace and fill(size_bytes, len(chunk), frame_bytes) >= HALF_FULL:
            wanted, count = trace_bytes[span.trace], trace_spans[span.trace]
        if chunk and fill(size_bytes + wanted, len(chunk) + count, frame_bytes) > 1:
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(span)
        size_bytes += needed
        before = piece
    if chunk:
        yield chunk


def fill(size_bytes: int, spans: int, frame_bytes: int) -> float:
    """How full a frame is: by bytes, or by spans, since each costs time when a frame is opened."""
    return max(size_bytes / frame_bytes, spans / FRAME_SPANS)


def gather_pieces(
    connection: sqlite3.Connection, codec: Codec, spans: Iterable[Placed]
) -> dict[tuple[int, int], Piece]:
    """The bytes of spans by (trace, span id), one container in memory at a time."""
    by_container: dict[int, list[Placed]] = {}
    for span in spans:
        by_container.setdefault(span.container, []).append(span)
    found: dict[tuple[int, int], Piece] = {}
    for container, here in by_container.items():
        opened = open_container(connection, codec, container)
        if opened is not None:
            found.update((span[:2], opened.piece(span.ordinal)) for span in here)
    return found


def place(connection: sqlite3.Connection, frame: Frame) -> int:
    """Put a frame in place, in the caller's transaction; how many spans moved into it."""
    number = insert_container(
        connection,
        frame.data,
        agent=frame.agent,
        spans=len(frame.spans),
        raw_bytes=frame.raw_bytes,
        oldest_ns=min(trace.last_ns for trace in frame.traces),
        traces=(trace.key for trace in frame.traces),
    )
    moves = [(number, ordinal, *span[:4]) for ordinal, span in enumerate(frame.spans)]
    moved = execute_rows(connection, _MOVES, moves, _MOVE)
    came = frame.spans if moved == len(moves) else _arrived(connection, frame.spans, number)
    release_spans(connection, Counter(span.container for span in came).items())
    if moved < len(moves):
        release_spans(connection, [(number, len(moves) - moved)])
    settle(connection, frame.completed)
    return moved


def settle(connection: sqlite3.Connection, traces: Iterable[Subject]) -> None:
    """Nothing of these traces is left to fold, unless something has arrived since they were looked at."""
    connection.executemany(
        "UPDATE traces SET hot = 0 WHERE id = ? AND revision = ?",
        [(trace.key, trace.revision) for trace in traces if trace.revision is not None],
    )


def _arrived(connection: sqlite3.Connection, spans: Iterable[Placed], container: int) -> list[Placed]:
    """The spans that live in a container now."""
    wanted = "SELECT 1 FROM spans WHERE trace = ? AND span_id = ? AND container = ?"
    return [span for span in spans if connection.execute(wanted, (*span[:2], container)).fetchone()]
