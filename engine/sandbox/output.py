"""What code printed: kept up to a cap, and said where it was cut."""

from collections.abc import Callable
from typing import Literal

Stream = Literal["stdout", "stderr"]
_FLOOD = 16  # times the cap


class Output:
    """Collects the two streams of one piece of code; called by the sandbox, in whatever thread it runs.

    `end` is called once when the printing does not stop; an error here would be heard of only behind the last of it.
    """

    def __init__(self, most_bytes: int, end: Callable[[], None]) -> None:
        self._most_bytes = most_bytes
        self._end = end
        self._kept: dict[Stream, list[str]] = {"stdout": [], "stderr": []}
        self._sizes: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self.is_flooded = False

    def __call__(self, stream: Stream, text: str) -> None:
        """Keep a piece of output while there is room."""
        room = self._most_bytes - self._sizes[stream]
        encoded = text.encode("utf-8", "replace")
        self._sizes[stream] += len(encoded)
        if room > 0:
            self._kept[stream].append(encoded[:room].decode("utf-8", "ignore"))
        if self._sizes[stream] > _FLOOD * self._most_bytes and not self.is_flooded:
            self.is_flooded = True
            self._end()

    def text(self, stream: Stream) -> str:
        """What a stream has, and how much of it is missing."""
        kept, size = "".join(self._kept[stream]), self._sizes[stream]
        if size <= self._most_bytes:
            return kept
        return f"{kept}\n[cut: {size:,} bytes were printed, the first {self._most_bytes:,} are here; print less]"
