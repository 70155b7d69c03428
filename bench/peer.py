"""This engine beside the HALO engine package: the same files, the same script, one after the other in turn.

    python -m bench peer [--peer-venv DIR] [--spans 10000,100000,300000]

A virtual environment without halo-engine is given it, one that is not there is made. Every figure is a median of
pairs, since a machine is never quite the same from one minute to the next.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Event, Thread

from bench.peer_data import RARE, lines, write
from bench.peer_events import SCENES, SCRIPT
from bench.processes import Row
from engine.llm.scripted import ScriptedServer, as_chat

REPOSITORY = Path(__file__).resolve().parent.parent
PAIRS = 3
_CONVERSATION_SPANS = (7, 2_000, 100_000)
_SAMPLE_S = 0.02
_PEER = "halo-engine==0.3.5"
_WITHOUT = "ripgrep"  # its pinned version has no wheel for older systems; only code tools need it


@dataclass(frozen=True)
class Side:
    """One of the two: its interpreter and what it is started with."""

    python: Path
    environment: dict[str, str]
    runner: Sequence[str]

    @property
    def program(self) -> str:
        """The command `halo` of this side."""
        return str(self.python.parent / "halo")


@dataclass(frozen=True)
class Ran:
    """What a process printed, how long it took and what it held at most, its children included."""

    printed: str
    seconds: float
    peak_mb: float


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from _tree(int(child))


def _resident_mb(pid: int) -> float:
    pages = 0
    try:
        for each in _tree(pid):
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
    except OSError:
        pass  # one that has just ended
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def ran(side: Side, arguments: Sequence[str], given: bytes = b"") -> Ran:
    """Run a process to its end; RuntimeError with what it said when it fails."""
    start = time.perf_counter()
    with subprocess.Popen(
        [str(side.python), *arguments],
        env=side.environment,
        cwd=REPOSITORY.parent if "-P" in arguments else REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        peak, ended = [0.0], Event()
        watching = Thread(target=_watch, args=(process.pid, peak, ended))
        watching.start()
        printed, said = process.communicate(given)
        seconds = time.perf_counter() - start
        ended.set()
        watching.join()
    if process.returncode:
        raise RuntimeError(said.decode()[-2_000:])
    return Ran(printed.decode(), seconds, peak[0])


def _watch(pid: int, peak: list[float], ended: Event) -> None:
    while not ended.wait(_SAMPLE_S):
        peak[0] = max(peak[0], _resident_mb(pid))


def _row(what: str, ours: Sequence[float], theirs: Sequence[float], unit: str) -> Row:
    mine, other = median(ours), median(theirs)
    ratio = mine / other if other else 0.0
    return Row(what, f"{mine:,.3g} {unit} ({ratio:.2f} of theirs)", f"{other:,.3g} {unit}", mine < other)


def _in_turn(sides: Sequence[Side], act: Callable[[Side], Ran], pairs: int = PAIRS) -> tuple[list[Ran], list[Ran]]:
    ours: list[Ran] = []
    theirs: list[Ran] = []
    for _ in range(pairs):
        ours.append(act(sides[0]))
        theirs.append(act(sides[1]))
    return ours, theirs


def _starting(sides: Sequence[Side]) -> Iterator[Row]:
    for what, arguments in (
        ("import engine.main", lambda side: ["-P", "-c", "import engine.main"]),
        ("halo --help", lambda side: ["-P", side.program, "--help"]),
    ):
        ours, theirs = _in_turn(sides, lambda side, made=arguments: ran(side, made(side)))
        yield _row(what, [each.seconds for each in ours], [each.seconds for each in theirs], "s")
        yield _row(f"{what}: peak RSS", [each.peak_mb for each in ours], [each.peak_mb for each in theirs], "MB")


def _one_more(spans: int) -> bytes:
    return next(lines(1, seed=spans + 1))


def _working(sides: Sequence[Side], source: Path, spans: int, directory: Path) -> Iterator[Row]:
    """Index, open, append and the tools, on one size of file."""

    def act(side: Side) -> Ran:
        here = directory / "working"
        here.mkdir()
        try:
            path = shutil.copyfile(source, here / "traces.jsonl")
            return ran(side, [*side.runner, str(path), str(here / "index"), RARE], _one_more(spans))
        finally:
            shutil.rmtree(here)

    ours, theirs = _in_turn(sides, act)
    mine, other = ([json.loads(each.printed.splitlines()[-1]) for each in side] for side in (ours, theirs))
    if mine[0]["found"] != other[0]["found"]:
        raise RuntimeError(f"different answers: {mine[0]['found']} and {other[0]['found']} traces hold {RARE!r}")
    for name in mine[0]["took"]:
        times = [[each["took"][name] for each in side] for side in (mine, other)]
        yield _row(f"{spans:,} spans: {name}", times[0], times[1], "ms")
    yield _row(f"{spans:,} spans: peak RSS", [each.peak_mb for each in ours], [each.peak_mb for each in theirs], "MB")


def _conversing(sides: Sequence[Side], directory: Path) -> Iterator[Row]:
    """A scripted conversation with two subagents from start to end, the index made before."""
    scene = SCENES[1]
    for spans in _CONVERSATION_SPANS:
        path = directory / f"conversation-{spans}.jsonl"
        write(path, spans)

        def act(side: Side, path: Path = path) -> Ran:
            with ScriptedServer(lambda request: scene.script(as_chat(request))) as server:
                return ran(side, ["-P", str(SCRIPT), "run_engine", server.base_url, str(path)])

        first = _in_turn(sides, act, 1)
        ours, theirs = _in_turn(sides, act)
        for what, mine, other in (("cold", *first), ("warm", ours, theirs)):
            times = [[each.seconds for each in side] for side in (mine, other)]
            yield _row(f"conversation on {spans:,} spans, {what}", times[0], times[1], "s")
        yield _row("  its peak RSS", [each.peak_mb for each in ours], [each.peak_mb for each in theirs], "MB")


def installed(directory: Path) -> Path:
    """A virtual environment with halo-engine, made if need be; RuntimeError when it cannot be installed."""
    python = directory / "bin" / "python"
    if not python.exists():
        venv.create(directory, with_pip=True)
    if subprocess.run([python, "-P", "-c", "import engine.main"], capture_output=True, check=False).returncode == 0:
        return python
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, _PEER], capture_output=True, check=False).returncode == 0:
        return python
    subprocess.run([*pip, "--no-deps", _PEER], capture_output=True, check=False)
    wanted = "import importlib.metadata as m; print('\\n'.join(m.requires('halo-engine') or ()))"
    named = subprocess.run([python, "-P", "-c", wanted], capture_output=True, text=True, check=False).stdout
    needed = [each.strip() for each in named.splitlines() if each and _WITHOUT not in each and "extra ==" not in each]
    done = subprocess.run([*pip, *needed], capture_output=True, text=True, check=False)
    if not needed or done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else "no requirements found")
    return python


def rows(peer_venv: Path, sizes: Sequence[int]) -> Iterator[Row]:
    """The whole table; one row that says why when there is nothing to compare with."""
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as name:
        directory = Path(name)
        try:
            python = installed(peer_venv)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            yield Row("halo-engine", f"skipped: it cannot be installed: {error}", "")
            return
        plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        sides = (
            Side(Path(sys.executable), {**plain, "PYTHONPATH": str(REPOSITORY)}, ["-m", "bench.peer_ours"]),
            Side(python, plain, ["-P", str(REPOSITORY / "bench" / "peer_theirs.py")]),
        )
        yield from _starting(sides)
        for spans in sizes:
            source = directory / "source.jsonl"
            write(source, spans)
            yield from _working(sides, source, spans, directory)
        yield from _conversing(sides, directory)
