"""What was answered of a window, kept for the next time the same is asked: the traces of a run's window are over.

Within bounds: the answers that were used least recently make room.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from engine.tooling import ShownIds, ToolConfig, Work
from engine.window import TraceWindow

MOST_BYTES = 64 * 2**20
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Answered:
    """An answer and the ids in it: of traces, and of spans as pairs. `size_bytes` is 0 where it was not counted."""

    values: dict[str, Any]
    traces: frozenset[str] = frozenset()
    spans: frozenset[tuple[str, str]] = frozenset()
    size_bytes: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether time sufficed; what was cut short is not worth keeping."""
        return "partial" not in self.values and self.values.get("whole") is not False

    def show(self, shown: ShownIds) -> None:
        """Note that these ids have been shown."""
        shown.traces |= self.traces
        shown.spans |= self.spans


@dataclass
class Memory:
    """Things by key, the least recently used going first; thread-safe."""

    most_bytes: int = MOST_BYTES
    _kept: "OrderedDict[Hashable, tuple[Any, int]]" = field(default_factory=OrderedDict)
    _size_bytes: int = 0
    _lock: Any = field(default_factory=Lock)

    def get(self, key: Hashable) -> Any:
        """What is kept under a key, or None."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Any, size_bytes: int) -> None:
        """Keep something, unless it alone would take a quarter of the room."""
        if size_bytes > self.most_bytes // 4:
            return
        with self._lock:
            _, old_bytes = self._kept.pop(key, (None, 0))
            self._kept[key] = value, size_bytes
            self._size_bytes += size_bytes - old_bytes
            while self._size_bytes > self.most_bytes:
                _, (_, gone_bytes) = self._kept.popitem(last=False)
                self._size_bytes -= gone_bytes


_MEMORIES: "WeakKeyDictionary[TraceWindow, Memory]" = WeakKeyDictionary()
_LOCK = Lock()


def memory_of(window: TraceWindow) -> Memory:
    """The memory of a window, which goes with it."""
    with _LOCK:
        return _MEMORIES.setdefault(window, Memory())


async def answered(work: Work, key: Hashable, make: Callable[[], Answered]) -> dict[str, Any]:
    """The answer under a key, made in a thread until it is whole; its ids are shown."""
    memory = memory_of(work.window)
    found: Answered | None = memory.get(key)
    if found is None:
        found = await work.in_thread(make)
        if found.is_whole:
            memory.put(key, found, 2 * (found.size_bytes or size_of(found.values)))
    found.show(work.shown)
    return found.values


def size_of(values: Any) -> int:
    """Bytes of values as JSON."""
    return len(_encode(values).encode(errors="replace"))


def room_of(config: ToolConfig) -> int:
    """Bytes that a tool's values may have, with some left for what is put around them."""
    return max(config.max_answer_bytes - 100, 500)
