"""The process that reads batches for another: tasks come in as lines of JSON, batches go out as `marshal` writes them.

It ends with its input, so it never outlives who started it. A batch that cannot be made is answered with nothing, and
whoever asked makes it himself and meets the error there.
"""

import gc
import json
import marshal
import struct
import sys
from dataclasses import fields
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import IO

from store.filing.batches import Batch, read_batch

LENGTH = struct.Struct(">I")
_MOST_WAITING = 2


def packed(batch: Batch) -> bytes:
    """A batch as bytes."""
    return marshal.dumps(tuple(getattr(batch, each.name) for each in fields(batch)))


def unpacked(data: bytes) -> Batch:
    """The inverse of `packed`."""
    return Batch(*marshal.loads(data))  # noqa: S302 - from a process that this one started


def serve(tasks: IO[bytes], answers: IO[bytes]) -> None:
    """Answer tasks until there are no more; writing waits for its reader, so it has a thread of its own."""
    waiting: Queue[bytes | None] = Queue(_MOST_WAITING)
    writing = Thread(target=_write_all, args=(waiting, answers), daemon=True)
    writing.start()
    for task in tasks:
        path, start, end = json.loads(task)
        try:
            waiting.put(packed(read_batch(Path(path), start, end)))
        except Exception:
            waiting.put(b"")
    waiting.put(None)
    writing.join()


def _write_all(waiting: "Queue[bytes | None]", answers: IO[bytes]) -> None:
    while (answer := waiting.get()) is not None:
        answers.write(LENGTH.pack(len(answer)))
        answers.write(answer)
        answers.flush()


def main() -> None:
    """Answer on standard output what is asked on standard input."""
    gc.disable()  # batches have no cycles, and looking for some takes a tenth of the time
    serve(sys.stdin.buffer, sys.stdout.buffer)
