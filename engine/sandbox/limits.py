"""What a piece of code may take, and what becomes of it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SandboxLimits:
    """Bytes of memory and of each output; seconds of execution, and of wall-clock time with all that is called."""

    memory_bytes: int = 128 * 2**20
    output_bytes: int = 64_000
    execution_s: float = 30.0
    wall_s: float = 120.0


@dataclass(frozen=True)
class Ran:
    """A piece of code that has run; `lost` says that the names defined so far are gone."""

    stdout: str
    stderr: str
    value: Any = None
    failed: bool = False
    timed_out: bool = False
    lost: bool = False
