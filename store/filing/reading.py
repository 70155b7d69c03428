"""The batches of a large text file in order, made by processes beside this one where that is worth their start."""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from select import select
from typing import IO, NamedTuple

from store.filing.batches import Batch, read_batch
from store.filing.worker import LENGTH, unpacked
from store.loading import MAX_LINE_BYTES

TASK_BYTES = 2 * 1024 * 1024
WORKED_BYTES = 48 * 1024 * 1024
"""Below this a file is read before other processes have started."""
_MOST_WORKERS = 4
_TASKS_AHEAD = 3
_MOST_OWN = 4
_LOOK_BYTES = 64 * 1024


class Task(NamedTuple):
    """Whole lines between two offsets of a file; `is_long` when they are one line longer than any that is used."""

    start: int
    end: int
    is_long: bool = False


def tasks(path: Path, start: int, end: int) -> Iterator[Task]:
    """A part of a file, cut at line ends; what stands behind the last line end is left out."""
    with path.open("rb") as file:
        while start < end:
            wanted = min(start + TASK_BYTES, end)
            cut = _line_end(file, wanted, end) if wanted < end else _last_line_end(file, start, end)
            if cut <= start:
                return
            yield Task(start, cut, cut - start > MAX_LINE_BYTES)
            start = cut


def _line_end(file: IO[bytes], offset: int, end: int) -> int:
    """The offset behind the first line end from an offset on; that behind the last one before it when there is none."""
    first = offset
    file.seek(offset)
    while offset < end:
        block = file.read(min(_LOOK_BYTES, end - offset))
        if not block:
            break
        at = block.find(b"\n")
        if at >= 0:
            return offset + at + 1
        offset += len(block)
    return _last_line_end(file, max(first - TASK_BYTES, 0), first)


def _last_line_end(file: IO[bytes], start: int, end: int) -> int:
    """The offset behind the last line end between two offsets; `start` when there is none."""
    while end > start:
        begin = max(end - _LOOK_BYTES, start)
        file.seek(begin)
        at = file.read(end - begin).rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        end = begin
    return start


def batches(path: Path, wanted: Iterator[Task], size: int) -> Iterator[tuple[Task, Batch | None]]:
    """Every task with its batch, in order; None for a line that is too long to be one's."""
    count = min((os.cpu_count() or 1) - 1, _MOST_WORKERS)
    if size < WORKED_BYTES or count < 1:
        yield from ((task, _made(path, task)) for task in wanted)
        return
    with ExitStack() as started:
        sharing = _Sharing(path, [started.enter_context(_worker()) for _ in range(count)])
        for task in wanted:
            while not sharing.take(task):
                yield sharing.next()
            while sharing.is_next_ready():
                yield sharing.next()
        while sharing.under_way:
            yield sharing.next()


def _made(path: Path, task: Task) -> Batch | None:
    return None if task.is_long else read_batch(path, task.start, task.end)


class _Sharing:
    """Tasks shared among workers and this process, which is one of those that work when nothing else is to be done."""

    def __init__(self, path: Path, workers: list[subprocess.Popen[bytes]]) -> None:
        self._path = path
        self._free = deque(workers * _TASKS_AHEAD)
        self.under_way: deque[tuple[Task, subprocess.Popen[bytes] | None, Batch | None]] = deque()
        self._own = 0

    def take(self, task: Task) -> bool:
        """Give a task to a worker, else do it here; False when so much waits for the next that it has to come first."""
        if self._free and not task.is_long and _asked(self._free[0], self._path, task):
            self.under_way.append((task, self._free.popleft(), None))
            return True
        if self._own >= _MOST_OWN:
            return False
        self.under_way.append((task, None, _made(self._path, task)))
        self._own += 1
        return True

    def is_next_ready(self) -> bool:
        """Whether the task that was taken first is done."""
        if not self.under_way:
            return False
        worker = self.under_way[0][1]
        return worker is None or (worker.stdout is not None and bool(select([worker.stdout], [], [], 0)[0]))

    def next(self) -> tuple[Task, Batch | None]:
        """The task that was taken first, done; should its worker have failed, it is done here."""
        task, worker, batch = self.under_way.popleft()
        if worker is None:
            self._own -= 1
            return task, batch
        found = _answer(worker)
        self._free.append(worker)
        return task, found or _made(self._path, task)


@contextmanager
def _worker() -> Iterator[subprocess.Popen[bytes]]:
    """A process that makes batches; it imports what this one imports, whatever stands in the working directory."""
    program = f"import sys; sys.path[:] = {sys.path!r}; from store.filing.worker import main; main()"
    process = subprocess.Popen(  # noqa: S603 - this interpreter, a fixed program
        [sys.executable, "-S", "-c", program],
        bufsize=0,  # what has come must be seen by `select`
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()
        process.wait()


def _asked(worker: subprocess.Popen[bytes], path: Path, task: Task) -> bool:
    assert worker.stdin is not None
    try:
        worker.stdin.write(json.dumps([str(path), task.start, task.end]).encode() + b"\n")
    except OSError:
        return False
    return True


def _answer(worker: subprocess.Popen[bytes]) -> Batch | None:
    """The next batch of a worker; None when it could not make it, or is gone."""
    head = _exactly(worker, LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    data = _exactly(worker, length)
    return unpacked(data) if length and len(data) == length else None


def _exactly(worker: subprocess.Popen[bytes], size: int) -> bytes:
    """So many bytes of a worker's answer; fewer when it is gone."""
    assert worker.stdout is not None
    parts: list[bytes] = []
    while size and (part := worker.stdout.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
