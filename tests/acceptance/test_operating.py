"""A running sidecar, operated: reloaded, stopped, left alone; and what it says of itself."""

import json
import random
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from tests.acceptance.loading import EXPORT, Traffic, trace_request
from tests.acceptance.sidecar import Sidecar, wait_until

JSON_LOGS = {"logging.format": "json"}
MARKER = "c0ntent-of-a-span"


def _log(sidecar: Sidecar) -> list[dict[str, Any]]:
    lines = sidecar.log_path.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def _events(sidecar: Sidecar, name: str) -> list[dict[str, Any]]:
    return [line for line in _log(sidecar) if line["event"] == name]


def _send(sidecar: Sidecar, seed: int = 1, requests: int = 5) -> int:
    chance, sent = random.Random(seed), 0
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
        for _ in range(requests):
            body, ids = trace_request(Traffic("operated"), chance)
            channel.unary_unary(EXPORT)(body, timeout=10)
            sent += len(ids)
    return sent


def _health(sidecar: Sidecar, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{sidecar.health_port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_last_lines_account_for_every_span(tmp_path: Path) -> None:
    """accepted = stored + filtered; stored = forwarded + queued + dropped, for each target."""
    with Sidecar(tmp_path / "b") as backend:
        settings = JSON_LOGS | {
            "forwarders": {
                "otlp_grpc/up": {"endpoint": backend.grpc_endpoint},
                "otlp_http/down": {"endpoint": "http://127.0.0.1:9"},
            }
        }
        with Sidecar(tmp_path / "a", settings) as sidecar:
            sent = _send(sidecar)
            wait_until(lambda: sum(agent["spans"] for agent in backend.items("/api/v1/agents")) == sent)
    told, last = _log(sidecar)[-2:]

    assert (told["event"], last["event"]) == ("reconciled", "stopped")
    assert told["balanced"]
    assert (told["accepted"], told["stored"], told["filtered"], told["refused"]) == (sent, sent, 0, 0)
    assert told["targets"]["otlp_grpc/up"] == {
        "found": 0,
        "stored": sent,
        "forwarded": sent,
        "queued": 0,
        "dropped": 0,
    }
    assert told["targets"]["otlp_http/down"]["queued"] == sent


def test_a_reload_changes_processors_while_the_ports_stay_open(tmp_path: Path) -> None:
    """Restarting a pod for a changed filter would lose what the application sends meanwhile."""
    file = tmp_path / "halo.yaml"
    file.write_text("processors: {memory_limiter: {}}")
    with Sidecar(tmp_path / "data", JSON_LOGS, words=("--config", str(file))) as sidecar:
        assert sidecar.process is not None
        with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
            export = channel.unary_unary(EXPORT)
            export(trace_request(Traffic("operated"), random.Random(1))[0], timeout=10)
            file.write_text("processors: {memory_limiter: {limit: 1MiB}}")
            sidecar.process.send_signal(signal.SIGHUP)
            wait_until(lambda: _events(sidecar, "configuration_read"))
            with pytest.raises(grpc.RpcError, match="high memory usage"):
                export(trace_request(Traffic("operated"), random.Random(2))[0], timeout=10)
            file.write_text("processors: {memory_limiter: {limit: much}}\nstore: {retention: {max_age: 1d}}")
            sidecar.process.send_signal(signal.SIGHUP)
            refused = wait_until(lambda: _events(sidecar, "configuration_rejected"))
            with pytest.raises(grpc.RpcError, match="high memory usage"):
                export(trace_request(Traffic("operated"), random.Random(4))[0], timeout=10)
            file.write_text("store: {retention: {max_age: 1d}}")
            sidecar.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(_events(sidecar, "configuration_read")) == 2)
            export(trace_request(Traffic("operated"), random.Random(3))[0], timeout=10)
    first, second = _events(sidecar, "configuration_read")

    assert (first["applied"], first["needs_restart"]) == (["processors"], [])
    assert "processors.memory_limiter.limit" in refused[0]["problem"]
    assert (second["applied"], second["needs_restart"]) == (["processors"], ["store"])


def test_it_goes_on_receiving_for_a_while_after_it_was_asked_to_stop(tmp_path: Path) -> None:
    """The application's last spans come while its pod stops; probes already send new ones elsewhere."""
    with Sidecar(tmp_path / "data", JSON_LOGS | {"shutdown.linger": "3s"}) as sidecar:
        assert sidecar.process is not None
        sidecar.process.send_signal(signal.SIGTERM)
        status, said = wait_until(lambda: (found := _health(sidecar, "/readyz"))[0] == 503 and found)
        sent = _send(sidecar)
        code = sidecar.process.wait(30)

    assert (status, said["reasons"]) == (503, ["sidecar: stopping"])
    assert code == 0
    assert _events(sidecar, "reconciled")[0]["stored"] == sent


def test_it_ends_by_itself_when_nothing_comes_any_more(tmp_path: Path) -> None:
    """A job is done when its containers are; a sidecar that stays keeps it running for ever."""
    with Sidecar(tmp_path / "data", JSON_LOGS, words=("--exit-when-idle", "2s")) as sidecar:
        assert sidecar.process is not None
        for seed in range(4):
            _send(sidecar, seed, requests=1)
            time.sleep(0.7)
        assert sidecar.process.poll() is None, "not while requests come"
        code = sidecar.process.wait(30)

    assert code == 0
    assert _events(sidecar, "stopping")[0]["reason"] == "no request for 2 s"


def test_a_reload_while_it_stops_changes_nothing(tmp_path: Path) -> None:
    """The signal's default would end the process before its accounts are told."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        forwarder = {
            "endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "sending_queue": {"drain_timeout": "2s"},
        }
        with Sidecar(tmp_path / "data", JSON_LOGS | {"forwarders": {"otlp_http": forwarder}}) as sidecar:
            assert sidecar.process is not None
            sent = _send(sidecar)
            sidecar.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not _accepts(sidecar.http_port))
            time.sleep(0.3)
            sidecar.process.send_signal(signal.SIGHUP)
            code = sidecar.process.wait(30)

    assert code == 0
    assert _events(sidecar, "reconciled")[0]["targets"]["otlp_http"]["queued"] == sent


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_health_speaks_as_the_collectors_does(tmp_path: Path) -> None:
    """Probes and tools made for the Collector read this body."""
    with Sidecar(tmp_path / "data") as sidecar:
        status, said = _health(sidecar, "/")
        live, _ = _health(sidecar, "/livez")

    assert (status, said["status"], live) == (200, "Server available", 200)
    assert said["upSince"].endswith("Z")
    assert said["uptime"].endswith("s")


def test_no_content_of_a_span_is_ever_logged(tmp_path: Path) -> None:
    """Logs go to people and places that must not see prompts."""
    body, _ = trace_request(Traffic("operated"), random.Random(1))
    broken = body.replace(b"output.value", MARKER.encode()[:12]) + b"\xff" + MARKER.encode()
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": MARKER, "name": MARKER, "kind": MARKER}]}]}]}
    settings = JSON_LOGS | {"logging.level": "debug", "forwarders": {"otlp_http": {"endpoint": "http://127.0.0.1:9"}}}
    with Sidecar(tmp_path / "data", settings) as sidecar:
        for sent, media_type in (
            (broken, "application/x-protobuf"),
            (json.dumps(document).encode(), "application/json"),
            (MARKER.encode(), "application/json"),
            (MARKER.encode(), MARKER),
        ):
            request = urllib.request.Request(sidecar.http_endpoint, sent, {"Content-Type": media_type})
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(request, timeout=10)
        with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel, pytest.raises(grpc.RpcError):
            channel.unary_unary(EXPORT)(broken, timeout=10)
        _send(sidecar)

    assert MARKER[:12] not in sidecar.log_path.read_text()
    assert _events(sidecar, "reconciled"), "there was a log to search"


def test_the_configuration_written_out_is_the_same_configuration(tmp_path: Path) -> None:
    """What `print-config` prints can be given to `serve` again."""
    with Sidecar(tmp_path / "data") as sidecar:
        printed = sidecar.halo("print-config", "--data-dir", str(tmp_path / "data"))

    assert yaml.safe_load(printed.stdout)["shutdown"] == {"deadline": "25s", "linger": "0s"}
