"""What code in the sandbox cannot do: each attempt is denied or bounded, and the next call of the same agent works.

A model writes the code, and whoever writes into spans may have told it what to write.
"""

from collections.abc import AsyncIterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.sandbox.limits import Ran, SandboxLimits
from engine.sandbox.session import Sandbox
from engine.tooling import ToolError, Work
from tests.engine.sandbox.kit import at_work
from tests.engine.sandbox.test_run_code import run

SMALL = {"execution_s": 10.0, "memory_bytes": 32 * 2**20, "output_bytes": 2_000}
QUICK = {**SMALL, "execution_s": 0.3}


@pytest.fixture
async def work(tmp_path: Path) -> AsyncIterator[Work]:
    """An agent at work."""
    async with at_work(tmp_path) as found:
        yield found


async def denied(work: Work, code: str) -> str:
    """What is said of code that must not get through; what runs after it does."""
    await run(work, "kept = 5", **SMALL)
    found = await run(work, code, **SMALL)
    assert found["exit_code"] == 1, found
    after = await run(work, "6 * 7", **SMALL)
    assert after["value"] == 42
    assert len(found["stdout"]) < 3_000 and len(found["stderr"]) < 7_000
    return str(found["stderr"])


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd').read()",
        "open('/tmp/halo-out', 'w')",
        "with open('x', 'a') as f:\n    f.write('x')",
        "from pathlib import Path\nPath('/etc/passwd').read_text()",
        "from pathlib import Path\nPath('/tmp/halo-out').write_text('x')",
        "from pathlib import Path\nlist(Path('/').iterdir())",
        "from pathlib import Path\nPath('/proc/self/environ').read_bytes()",
        "import os\nos.listdir('/')",
        "import os\nos.remove('/tmp/x')",
        "import io\nio.open('/etc/passwd')",
        "import shutil",
        "import tempfile",
        "import socket",
        "import urllib.request",
        "import http.client",
        "import ssl",
        "import subprocess",
        "import multiprocessing",
        "import threading",
        "import ctypes",
        "import os\nos.system('id')",
        "import os\nos.popen('id')",
        "import os\nos.fork()",
        "import os\nos.execv('/bin/sh', [])",
        "import os\nos.kill(1, 9)",
        "import asyncio\nasyncio.create_subprocess_shell('id')",
        "import os\nos.environ['HOME']",
        "import os\nos.getenv('OPENAI_API_KEY')",
        "import os\nos.urandom(8)",
        "import sys\nsys.modules",
        "import sys\nsys.path",
        "import sys\nsys._getframe()",
        "import pydantic_monty",
        "import engine.main",
        "import importlib",
        "import builtins",
        "import pickle",
        "input()",
        "breakpoint()",
        "help()",
    ],
)
async def test_nothing_outside_the_interpreter_can_be_reached(work: Work, code: str) -> None:
    """No files, no network, no processes, no environment: they are not forbidden there, they do not exist."""
    said = await denied(work, code)
    assert any(word in said for word in ("PermissionError", "NotFound", "AttributeError", "NameError", "RuntimeError"))


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').system('id')",
        "eval(\"__import__('os')\")",
        "exec('import socket')",
        "compile('1', '', 'eval')",
        "eval('open(\"/etc/passwd\").read()')",
        "().__class__.__mro__[1].__subclasses__()",
        "(lambda: 0).__globals__",
        "(lambda: 0).__code__",
        "getattr((), '__cl' + 'ass__').__base__",
        "'{0.__class__.__mro__}'.format(())",
        "sql.__self__",
        "sql.__globals__['work']",
        "print.__self__",
        "object.__subclasses__()",
        "type.__getattribute__(type, '__subclasses__')()",
        "vars()['__builtins__']",
        "globals()['__builtins__']",
        "__builtins__['open']",
        "class A:\n    def __getattr__(self, name):\n        return open('/etc/' + name)\nA().passwd",
        "try:\n    1 / 0\nexcept Exception as error:\n    error.__traceback__.tb_frame.f_globals",
    ],
)
async def test_no_trick_leads_out_of_the_interpreter(work: Work, code: str) -> None:
    """It is an interpreter of its own, so there is no Python behind its objects to climb into."""
    await denied(work, code)


@pytest.mark.parametrize(
    "code",
    [
        "held = []\nwhile True:\n    held.append('x' * 1000)",
        "'x' * 10**10",
        "[0] * 10**10",
        "bytes(10**10)",
        "10 ** 10**8",
        "2 ** 10**9",
        "1 << 10**10",
        "list(range(10**9))",
        "sorted(range(10**8))",
        "sum(n * n for n in range(10**10))",
        "','.join(['x' * 10**6] * 10**4)",
        "f'{1:>10000000000}'",
        "'%10000000000d' % 1",
        "('x' * 10**6).replace('x', 'y' * 10**6)",
        "held = {}\nfor n in range(10**9):\n    held[n] = str(n)",
        "held = ['x']\nwhile True:\n    held = held + held",
        "held = []\nfor n in range(10**7):\n    held = [held]",
    ],
)
async def test_memory_is_bounded(work: Work, code: str) -> None:
    """A sidecar shares its pod's memory with the agent it watches."""
    assert "memory" in (await denied(work, code)).lower()


@pytest.mark.parametrize(
    "code",
    [
        "while True:\n    pass",
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        "n = 0\nwhile n < 10**12:\n    n += 1",
        "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\nf(60)",
        "import itertools\nfor _ in itertools.count():\n    pass",
        "import math\nfor n in range(10**9):\n    math.factorial(500)",
    ],
)
async def test_time_is_bounded(work: Work, code: str) -> None:
    """Code that does not end is ended, and what it held is gone, which the model is told."""
    found = await run(work, code, **QUICK)
    assert found["timed_out"] and found["exit_code"] == 1
    assert "TimeoutError" in found["stderr"] and "restarted" in found["stderr"]
    assert (await run(work, "6 * 7", **QUICK))["value"] == 42


async def test_sleep_does_not_wait(work: Work) -> None:
    """Whatever code waits for, it is not time."""
    assert (await run(work, "import time\ntime.sleep(10**6)\n'awake'", **SMALL))["value"] == "awake"


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n    return f()\nf()",
        "f = lambda n: f(n + 1)\nf(0)",
        "class A:\n    def __repr__(self):\n        return repr(self)\nrepr(A())",
        "import json\njson.loads('[' * 10**5)",
        "eval('(' * 10**5)",
        "eval('+'.join(['1'] * 10**5))",
        "(" * 5_000,
        "-" * 50_000 + "1",
    ],
)
async def test_depth_is_bounded(work: Work, code: str) -> None:
    """A stack that overflows ends a process; here it is an error in the code."""
    await denied(work, code)


async def test_output_is_cut_and_says_so(work: Work) -> None:
    """What is printed goes into a conversation."""
    found = await run(work, "for n in range(200):\n    print('x' * 100)\nkept = 1", **SMALL)
    assert found["exit_code"] == 0
    assert "20,200 bytes were printed, the first 2,000 are here" in found["stdout"] and len(found["stdout"]) < 2_200
    value = await run(work, "'y' * 100_000", **SMALL)
    assert len(value["value"]) < 2_200 and "cut" in value["value"]
    deep = await run(work, "x = []\nfor n in range(500):\n    x = [x]\nx", **SMALL)
    assert len(str(deep)) < 3_000
    assert (await run(work, "kept", **SMALL))["value"] == 1


async def test_a_flood_of_output_is_ended(work: Work) -> None:
    """Printing on and on costs this process time as well."""
    said = await denied(work, "while True:\n    print('x' * 1000)")
    assert "too much was printed" in said and "restarted" in said


async def test_a_crashed_process_is_replaced_and_the_model_told(work: Work) -> None:
    """The system may end the process at any time, for instance for memory."""
    await run(work, "kept = 5", **SMALL)
    sandbox: Sandbox = work.belongings["run_code"]
    sandbox._worker.kill()
    found = await run(work, "kept", **SMALL)
    assert found["exit_code"] == 1 and "restarted" in found["stderr"]
    assert "NameError" in (await run(work, "kept", **SMALL))["stderr"]


async def test_questions_without_end_are_bounded_by_the_budget(tmp_path: Path) -> None:
    """The budget is the run's; code can spend it, not exceed it."""
    asked = count(1)

    async def dear(purpose: str, question: str, context: str) -> str:
        if next(asked) > 10:
            raise ToolError("no more questions: the budget of 100 tokens is spent (110 used)")
        return "yes"

    async with at_work(tmp_path, ask=dear) as work:
        short = {**SMALL, "wall_s": 0.5}
        found = await run(work, "answers = []\nwhile True:\n    answers.append(ask('q', 'c'))", **short)
        assert "the budget of 100 tokens is spent" in found["stderr"]
        assert (await run(work, "len(answers)", **SMALL))["value"] == 10
        stubborn = "n = 0\nwhile True:\n    n += 1\n    try:\n        ask('q')\n    except RuntimeError:\n        pass"
        assert (await run(work, stubborn, **SMALL))["timed_out"]
        assert (await run(work, "6 * 7", **SMALL))["value"] == 42
        flood = await run(work, "ask_many([('q', 'c')] * 100000)", **SMALL)
        assert "at most 500" in flood["stderr"]
        assert "at most 400,000" in (await run(work, "ask('q', 'c' * 500000)", **SMALL))["stderr"]


async def test_calls_without_end_are_ended_when_the_time_is_up() -> None:
    """The clock of the code itself stands still while it waits; the other one does not."""
    seconds = count()

    async def slow(args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        return "done"

    sandbox = Sandbox({"slow": slow}, SandboxLimits(wall_s=50), lambda: float(next(seconds)))
    try:
        stubborn = "while True:\n    try:\n        slow()\n    except Exception:\n        pass"
        ended = await sandbox.run(stubborn)
        assert ended.timed_out and ended.lost and "stopped after 50 s" in ended.stderr
        told = await sandbox.run("while True:\n    slow()")
        assert told.timed_out and not told.lost and "are over" in told.stderr
        assert await sandbox.run("6 * 7") == Ran("", "", 42)
    finally:
        await sandbox.close()
