"""A real `halo serve` process on free loopback ports, and a client for its control API."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0


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


class Sidecar(AbstractContextManager["Sidecar"]):
    """One sidecar over one data directory; `start` again after `kill` or `stop` to restart it."""

    def __init__(
        self,
        data_dir: Path,
        settings: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        words: Sequence[str] = (),
    ) -> None:
        self.data_dir = data_dir
        self.grpc_port, self.http_port, self.api_port, self.health_port = free_ports(4)
        self.settings = dict(settings or {})
        self.environment = {**os.environ, **(environment or {})}
        self.prefix, self.words = list(prefix), list(words)
        self.log_path = data_dir.with_name(data_dir.name + ".log")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def grpc_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.grpc_port}"

    @property
    def http_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/v1/traces"

    @property
    def api_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def command(self) -> list[str]:
        endpoints = {
            "receivers.otlp.protocols.grpc.endpoint": f"127.0.0.1:{self.grpc_port}",
            "receivers.otlp.protocols.http.endpoint": f"127.0.0.1:{self.http_port}",
            "api.endpoint": f"127.0.0.1:{self.api_port}",
            "health.endpoint": f"127.0.0.1:{self.health_port}",
        }
        words = [*self.prefix, sys.executable, "-m", "cli.main", "serve", "--data-dir", str(self.data_dir)]
        words += self.words
        for key, value in {**endpoints, **self.settings}.items():
            words += ["--set", f"{key}={json.dumps(value) if not isinstance(value, str) else value}"]
        return words

    def start(self) -> "Sidecar":
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, env=self.environment)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the sidecar did not start:\n{self.log_path.read_text()[-4000:]}")
            time.sleep(0.02)
        return self

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_TIMEOUT_S)
        self.process = None
        return code

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def __enter__(self) -> "Sidecar":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill() if kind else self.stop()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.api_endpoint + path, timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(
            self.api_endpoint + path, json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def items(self, path: str) -> list[dict[str, Any]]:
        return list(self.get(path)["items"])

    def run(self, agent_uuid: str, timeout_s: float = 120, **options: Any) -> dict[str, Any]:
        """Create a run and wait for its end."""
        run = self.post("/api/v1/runs", {"agent_uuid": agent_uuid, **options})
        deadline = time.monotonic() + timeout_s
        while run["status"] in ("queued", "starting", "running"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"run {run['id']} is still {run['status']} after {timeout_s} s")
            time.sleep(0.1)
            run = self.get(f"/api/v1/runs/{run['id']}")
        return dict(run)

    def halo(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a client command against this sidecar."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *words],
            capture_output=True,
            text=True,
            env={**self.environment, "HALO_ENDPOINT": self.api_endpoint},
            timeout=120,
            check=False,
        )


def wait_until(condition: Any, timeout_s: float = 30, pause_s: float = 0.1) -> Any:
    """The first truthy answer of a condition; AssertionError after the timeout."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not so within {timeout_s} s"
        time.sleep(pause_s)
