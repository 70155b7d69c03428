"""A sidecar as a child process on free loopback ports, for scripts that use the product from outside.

Standard library only: a script that checks an installed wheel has nothing but that wheel's requirements.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
COMMAND_TIMEOUT_S = 120.0
POLL_S = 0.1


class ScriptError(Exception):
    """The script cannot go on; the text says why, in a few lines."""


class Sidecar:
    """`halo serve` over a data directory while the `with` block runs; stopped by its own process id."""

    def __init__(self, halo: Sequence[str], directory: Path, settings: Mapping[str, str]) -> None:
        """`halo` are the words that start the command; the data and `sidecar.log` go into `directory`."""
        self.data_dir = directory / "data"
        self.log_path = directory / "sidecar.log"
        self._halo = list(halo)
        grpc, http, api, self._health_port = free_ports(4)
        self.grpc_endpoint = f"http://127.0.0.1:{grpc}"
        self.http_endpoint = f"http://127.0.0.1:{http}"
        self.api_endpoint = f"http://127.0.0.1:{api}"
        self._settings = {
            "receivers.otlp.protocols.grpc.endpoint": f"127.0.0.1:{grpc}",
            "receivers.otlp.protocols.http.endpoint": f"127.0.0.1:{http}",
            "api.endpoint": f"127.0.0.1:{api}",
            "health.endpoint": f"127.0.0.1:{self._health_port}",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        words = [*self._halo, "serve", "--data-dir", str(self.data_dir)]
        for name, value in self._settings.items():
            words += ["--set", f"{name}={value}"]
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(self._is_ready, START_TIMEOUT_S, "the sidecar is ready")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def pid(self) -> int:
        """The process id of the running sidecar."""
        assert self._process is not None
        return self._process.pid

    def halo(self, *words: str) -> str:
        """The standard output of a client command against this sidecar; ScriptError when it exits otherwise than 0."""
        return run([*self._halo, *words], self._environment())

    def show(self, *words: str) -> None:
        """Run a client command that prints where this script prints, in colour if that is a terminal."""
        sys.stdout.flush()
        done = subprocess.run(
            [*self._halo, *words],
            stdin=subprocess.DEVNULL,
            env=self._environment(),
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise ScriptError(f"`halo {' '.join(words)}` exited {done.returncode}")

    def halo_json(self, *words: str) -> Any:
        """The same with `--json`, read."""
        return json.loads(self.halo(*words, "--json"))

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HALO_ENDPOINT": self.api_endpoint}

    def _is_ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise ScriptError(f"the sidecar ended at once; {self.log_path} ends so:\n{tail(self.log_path)}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._health_port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def run(words: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """The standard output of a command; ScriptError with its last words when it exits otherwise than 0."""
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise ScriptError(f"`{' '.join(words)}` exited {done.returncode}:\n{said}")
    return done.stdout


def wait_until(holds: Any, timeout_s: float, what: str) -> None:
    """Ask until it holds; ScriptError after the timeout."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise ScriptError(f"waited {timeout_s:g} s in vain until {what}")
        time.sleep(POLL_S)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now; held open together so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def tail(path: Path, chars: int = 2000) -> str:
    """The end of a text file."""
    return path.read_text(errors="replace")[-chars:].strip()
