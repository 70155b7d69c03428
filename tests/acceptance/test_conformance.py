"""Every shared conformance vector, sent to a running `halo serve` over sockets.

A sidecar for each configuration that vectors name. What differs on purpose is listed by its id with the reason; an
exception that starts to pass fails the test, as any other difference does.
"""

import asyncio
import base64
import json
import urllib.request
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from google.rpc.status_pb2 import Status

from domain.otlp import ExportTraceServiceResponse
from tests.acceptance.sidecar import Sidecar
from tests.collector import raw_http2
from tests.collector.serving import JSON, Reply, post
from tests.conftest import REPOSITORY

EXCEPTIONS = {
    "G05": "grpcio knows no zstd, and answers INTERNAL by itself where gRPC asks for UNIMPLEMENTED",
    "G06": "grpcio knows no snappy, and answers INTERNAL by itself where gRPC asks for UNIMPLEMENTED",
}
HTTP = "receivers.otlp.protocols.http"
ACCEPTED = "otelcol_receiver_accepted_spans_total"


def _vectors(shared_data: Path, name: str) -> list[dict[str, Any]]:
    text = (shared_data / "otlp" / "conformance" / name).read_text()
    return [json.loads(line) for line in text.splitlines()]


def _settings(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`server_config` of a vector in the words of halo.yaml."""
    settings: dict[str, Any] = {}
    for key, value in wanted.items():
        if key == "max_request_body_size":
            settings[f"{HTTP}.max_request_bytes"] = value
        elif key == "cors":
            settings[f"{HTTP}.cors"] = {**value, "max_age": f"{value['max_age']}s"}
        elif key == "auth":
            scheme, _, token = value.partition(":")
            settings[f"{HTTP}.auth"] = {scheme: token}
        elif key == "inject":
            settings[r"processors.tests\.acceptance\.faults"] = {"error": value.split()[0]}
        else:
            raise ValueError(f"no setting is known for {key}")
    return settings


def _by_configuration(vectors: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    def key(vector: dict[str, Any]) -> str:
        return json.dumps(vector.get("server_config") or {}, sort_keys=True)

    for config, group in groupby(sorted(vectors, key=key), key):
        yield json.loads(config), list(group)


def _accepted(sidecar: Sidecar) -> int:
    """Spans the sidecar says that it has taken."""
    with urllib.request.urlopen(f"http://127.0.0.1:{sidecar.health_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(ACCEPTED))


async def _send(sidecar: Sidecar, sent: dict[str, Any]) -> Reply:
    body = base64.b64decode(sent["body_b64"])

    async def chunks() -> Any:
        for start in range(0, len(body), 40):
            yield body[start : start + 40]

    headers = {name.replace("-", "_"): value for name, value in sent["headers"].items()}
    media_type = headers.pop("Content_Type", None)
    url = f"http://127.0.0.1:{sidecar.http_port}{sent['path']}"
    return await post(url, chunks() if sent["chunked"] else body, media_type, sent["method"], **headers)


def _difference(expect: dict[str, Any], reply: Reply, accepted: int) -> str:
    """Why a reply is not the expected one; empty when it is."""
    wanted = expect.get("headers", {})
    checks = {
        f"status {reply.status}": reply.status in _any(expect["status"]),
        f"type {reply.media_type}": expect.get("content_type") in (None, reply.media_type),
        f"accepted {accepted}": expect.get("accepted_spans") is None or accepted in _any(expect["accepted_spans"]),
        f"body {reply.body[:80]!r}": _body_fits(expect, reply),
        f"headers {dict(reply.headers)}": not set(expect.get("headers_absent", ())) & set(reply.headers)
        and all(name in reply.headers and value in ("*", reply.headers[name]) for name, value in wanted.items()),
    }
    return next((said for said, fits in checks.items() if not fits), "")


def _any(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _body_fits(expect: dict[str, Any], reply: Reply) -> bool:
    wanted = expect.get("body")
    if wanted == "google.rpc.Status":
        if reply.status < 400:
            return False
        said = json.loads(reply.body) if reply.media_type == JSON else None
        status = Status(code=said["code"], message=said["message"]) if said else reply.rpc_status()
        is_code = expect.get("rpc_code") in (None, status.code)
        return is_code and (expect.get("message_contains") or "") in status.message
    if wanted == "partial_success":
        answer = ExportTraceServiceResponse.FromString(reply.body)
        return bool(answer.partial_success.rejected_spans == expect["rejected_spans"])
    return wanted is None or reply.body == wanted.encode()


def test_http_vectors(shared_data: Path, tmp_path: Path) -> None:
    """What other OTLP receivers do, a sender may expect of a sidecar."""
    differing: dict[str, str] = {}
    vectors = _vectors(shared_data, "http_vectors.jsonl")
    for number, (wanted, group) in enumerate(_by_configuration(vectors)):
        environment = {"PYTHONPATH": str(REPOSITORY)}
        with Sidecar(tmp_path / f"data{number}", _settings(wanted), environment) as sidecar:
            for vector in group:
                before = _accepted(sidecar)
                reply = asyncio.run(_send(sidecar, vector["request"]))
                problem = _difference(vector["expect"], reply, _accepted(sidecar) - before)
                if problem:
                    differing[vector["id"]] = problem

    print(f"{len(vectors) - len(differing)} of {len(vectors)} HTTP vectors as expected; differing: {differing}")
    assert len(vectors) >= 68
    assert differing.keys() == {each for each in EXCEPTIONS if each.startswith("H")}, differing


def test_grpc_vectors(shared_data: Path, tmp_path: Path) -> None:
    """The same over gRPC, written by hand where no client library would send it."""
    differing: dict[str, str] = {}
    vectors = _vectors(shared_data, "grpc_vectors.jsonl")
    with Sidecar(tmp_path / "data") as sidecar:
        for vector in vectors:
            sent, expect = vector["request"], vector["expect"]
            headers = {"content-type": sent["content_type"], **sent["metadata"]}
            if sent["grpc_encoding"]:
                headers["grpc-encoding"] = sent["grpc_encoding"]
            body, flag = base64.b64decode(sent["message_b64"]), bool(sent["compressed_flag"])
            call = raw_http2.call("127.0.0.1", sidecar.grpc_port, sent["path"], body, headers, flag)
            status, message = asyncio.run(call)
            wanted = expect.get("message_b64")
            if status not in _any(expect["grpc_status"]) or wanted not in (None, base64.b64encode(message).decode()):
                differing[vector["id"]] = f"status {status}, message {message!r}"

    print(f"{len(vectors) - len(differing)} of {len(vectors)} gRPC vectors as expected; differing: {differing}")
    assert len(vectors) >= 12
    assert differing.keys() == {each for each in EXCEPTIONS if each.startswith("G")}, differing


def test_a_configuration_without_a_setting_is_no_silent_pass() -> None:
    """A vector that ran against defaults would prove nothing."""
    with pytest.raises(ValueError, match="no setting"):
        _settings({"unheard_of": 1})
