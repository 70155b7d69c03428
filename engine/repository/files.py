"""The files of a checkout: listing them, reading their lines, searching them."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from engine.repository.git import git, is_work_tree
from engine.repository.paths import inside
from engine.tooling import ToolError

MAX_PATHS = 10_000
MAX_LINE_CHARS = 2_000
MAX_CHARS = 150_000
MAX_FILE_BYTES = 20_000_000
_BINARY_PROBE_BYTES = 8_192
_ANY = "**"
_NOT_SOURCE = frozenset((".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache"))


async def listed(root: Path) -> list[str]:
    """Paths of all files, relative to the top, sorted; without what .gitignore names where git knows the checkout."""
    if is_work_tree(root):
        said = await git(root, "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate")
        return sorted(said.splitlines())[:MAX_PATHS]
    return await asyncio.to_thread(lambda: sorted(_walked(root)))


def _walked(root: Path) -> Iterator[str]:
    count = 0
    for directory, below, names in os.walk(root):
        below[:] = sorted(name for name in below if name not in _NOT_SOURCE)
        for name in sorted(names):
            count += 1
            if count > MAX_PATHS:
                return
            yield (Path(directory) / name).relative_to(root).as_posix()


def matching(paths: Sequence[str], pattern: str) -> list[str]:
    """The paths that a glob fits: `*` stays within a directory, `**` stands for any number of them.

    Takes time in the length of path and pattern, whatever the pattern.
    """
    wanted = _segments(pattern)
    return [path for path in paths if _fits(path.split("/"), wanted)]


def _segments(pattern: str) -> list[str]:
    """The parts of a glob, a run of `**` as one."""
    parts = [part for part in pattern.removeprefix("./").split("/") if part]
    return [part for at, part in enumerate(parts) if part != _ANY or at == 0 or parts[at - 1] != _ANY]


def _fits(path: Sequence[str], wanted: Sequence[str]) -> bool:
    """Which beginnings of the glob fit the path's beginning, part by part; in the end all of it has to."""
    reached = _over_any({0}, wanted)
    for part in path:
        step = {
            at if wanted[at] == _ANY else at + 1
            for at in reached
            if at < len(wanted) and (wanted[at] == _ANY or fnmatchcase(part, wanted[at]))
        }
        reached = _over_any(step, wanted)
    return len(wanted) in reached


def _over_any(reached: set[int], wanted: Sequence[str]) -> set[int]:
    """`**` may also stand for no directory at all."""
    return reached | {at + 1 for at in reached if at < len(wanted) and wanted[at] == _ANY}


def tree(paths: Sequence[str], depth: int, most: int) -> tuple[list[str], int]:
    """Directories (with how many files are below) and files down to a depth, and how many entries are left out."""
    entries: dict[str, int] = {}
    for path in paths:
        parts = path.split("/")
        for level in range(1, min(len(parts), depth) + 1):
            is_file = level == len(parts)
            name = "/".join(parts[:level]) + ("" if is_file else "/")
            entries[name] = entries.get(name, 0) + 1
    shown = [name if not name.endswith("/") else f"{name} ({count} files)" for name, count in sorted(entries.items())]
    return shown[:most], max(len(shown) - most, 0)


def text_of(root: Path, path: str) -> str:
    """The text of a file; ToolError when it is none, or larger than is read."""
    found = inside(root, path)
    if not found.is_file():
        raise ToolError(f"{path!r} is no file; view_repo_tree shows what is in it")
    if found.stat().st_size > MAX_FILE_BYTES:
        raise ToolError(f"{path!r} is larger than {MAX_FILE_BYTES:,} bytes; grep_files searches it")
    data = found.read_bytes()
    if b"\0" in data[:_BINARY_PROBE_BYTES]:
        raise ToolError(f"{path!r} is binary")
    return data.decode(errors="replace")


def page(text: str, path: str, offset: int, limit: int) -> dict[str, Any]:
    """Some lines of a text with their numbers, counted from 1, and where the next ones begin."""
    lines = text.splitlines()
    shown: list[str] = []
    size = 0
    for number, line in enumerate(lines[offset - 1 : offset - 1 + limit], offset):
        cut = f"{line[:MAX_LINE_CHARS]} [{len(line):,} characters]" if len(line) > MAX_LINE_CHARS else line
        size += len(cut) + 8
        if size > MAX_CHARS:
            break
        shown.append(f"{number}\t{cut}")
    following = offset + len(shown)
    return {
        "path": path,
        "lines": "\n".join(shown),
        "total_lines": len(lines),
        "next_offset": following if following <= len(lines) else None,
    }
