"""Reading a checkout's history with git: a handful of reading commands, no configuration that could run anything.

A repository's own configuration may name programs (pagers, filters, external diffs, hooks, monitors); none of them is
ever started. Output and time are bounded, since a history may be of any size.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from engine.repository.paths import named
from engine.tooling import ToolError

MAX_OUTPUT_BYTES = 140_000
TIMEOUT_S = 20.0
_READING = frozenset(("log", "show", "diff", "blame", "rev-parse", "ls-files", "grep"))
_SAFE = (
    "--no-pager",
    "--literal-pathspecs",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "diff.external="),
    *("-c", "protocol.allow=never"),
    *("-c", "safe.directory=*"),
    *("-c", "core.quotePath=false"),
)
_REF = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_./@{}^~+-]*")


def has_git() -> bool:
    """Whether git can be started."""
    return shutil.which("git") is not None


def is_work_tree(root: Path) -> bool:
    """Whether a directory belongs to a checkout that git knows."""
    return has_git() and any((each / ".git").exists() for each in (root, *root.resolve().parents))


def ref(text: str) -> str:
    """A commit, branch or tag, or an expression on one; ToolError for what could be read as anything else."""
    if not _REF.fullmatch(text) or ".." in text:
        raise ToolError(f"{text!r} is no commit, branch or tag")
    return text


def ref_range(text: str) -> str:
    """`a..b`, `a...b` or one ref."""
    parts = re.split(r"\.{2,3}", text)
    if len(parts) > 2:
        raise ToolError(f"{text!r} is no range; write e.g. v1.0..main")
    for part in filter(None, parts):
        ref(part)
    return text


async def git(root: Path, command: str, *arguments: str, paths: Sequence[str] = ()) -> str:
    """What a reading command of git prints, at most `MAX_OUTPUT_BYTES` of it.

    ToolError: git refuses, takes too long, or is not there.
    """
    if command not in _READING:
        raise ValueError(f"git {command} is not a reading command")
    call = ["git", *_SAFE, command, *arguments, "--", *(named(path) for path in paths)]
    try:
        process = await asyncio.create_subprocess_exec(
            *call,
            cwd=root,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise ToolError(f"git cannot be started: {error.strerror or error}") from None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            output, said = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
            await process.wait()
    except TimeoutError:
        raise ToolError(f"git {command} took longer than {TIMEOUT_S:g} s; narrow it by path or range") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    no_match = command == "grep" and process.returncode == 1 and not said
    if process.returncode and not no_match:
        first = said.decode(errors="replace").strip().splitlines()[:1]
        raise ToolError(f"git {command}: {(first or ['failed'])[0][:300]}")
    return output.decode(errors="replace")


async def _bounded(stream: asyncio.StreamReader | None) -> bytes:
    """The first bytes of a stream; the rest is read and dropped, so that the process can end."""
    kept = bytearray()
    while stream is not None and (piece := await stream.read(65_536)):
        kept += piece[: max(MAX_OUTPUT_BYTES - len(kept), 0)]
    return bytes(kept)


def _environment() -> dict[str, str]:
    """Without anything of git's that is set outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C.UTF-8",
    }
