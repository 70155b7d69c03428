"""What a process used, read from /proc; and a table of rows for people."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_mb(pid: int, peak: bool = False) -> float:
    """Resident megabytes of a process, now or at its peak."""
    wanted = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(wanted):
            return int(line.split()[1]) / 1024
    return 0.0


@dataclass(frozen=True)
class Row:
    """One measured figure beside the bar it is held against."""

    what: str
    measured: str
    bar: str
    met: bool | None = None


def print_rows(rows: Iterable[Row]) -> None:
    """A Markdown table."""
    print("| what | measured | bar | met |\n|---|---|---|---|")
    for row in rows:
        mark = "" if row.met is None else "yes" if row.met else "**no**"
        print(f"| {row.what} | {row.measured} | {row.bar} | {mark} |", flush=True)
