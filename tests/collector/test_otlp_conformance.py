"""The shared conformance vectors and real captures, against the receiver over sockets.

Vectors about what is not received yet (other codings, other signals, CORS, authentication) are named below with
the reason; so are the few where the receiver differs on purpose. Any other difference fails.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from google.rpc.status_pb2 import Status

from collector.receivers.otlp import OtlpReceiver
from domain import otlp_json
from domain.errors import PermanentError, RetryableError
from domain.otlp import ExportTraceServiceRequest, ExportTraceServiceResponse
from tests.collector import raw_http2
from tests.collector.fakes import FakeWindow
from tests.collector.serving import JSON, Reply, post, receiver

NOT_YET = {
    "H29": "zstd",
    "H30": "snappy",
    "H31": "snappy",
    "H33": "lz4",
    "H82": "metrics",
    "H83": "profiles",
    "H84": "CORS",
    "H87": "authentication",
    "G05": "zstd",
    "G06": "snappy",
    "G13": "logs",
}
ON_PURPOSE = {
    "H51": "base64 ids reject their spans by partial success, and not the whole request",
    "H52": "a short id rejects its span by partial success, and not the whole request",
}
INJECTED = {
    "retryable error": RetryableError("injected"),
    "permanent error": PermanentError("injected"),
}


def _vectors(shared_data: Path, name: str) -> list[dict[str, Any]]:
    text = (shared_data / "otlp" / "conformance" / name).read_text()
    return [json.loads(line) for line in text.splitlines()]


async def test_http_vectors(shared_data: Path) -> None:
    """What other OTLP receivers do, a sender may expect of this one."""
    differing: dict[str, str] = {}
    vectors = _vectors(shared_data, "http_vectors.jsonl")
    for vector in vectors:
        wanted = vector.get("server_config") or {}
        limit = wanted.get("max_request_body_size", "64MiB")
        window = FakeWindow()
        window.failure = INJECTED.get(wanted.get("inject", ""))
        async with receiver(window, max_request_bytes=limit) as running:
            reply = await _send(running, vector["request"])
        problem = _difference(vector["expect"], reply, len(window.spans))
        if problem:
            differing[vector["id"]] = problem

    print(f"{len(vectors) - len(differing)} of {len(vectors)} HTTP vectors as expected; differing: {differing}")
    assert differing.keys() == {each for each in {**NOT_YET, **ON_PURPOSE} if each.startswith("H")}


async def _send(running: OtlpReceiver, sent: dict[str, Any]) -> Reply:
    body = base64.b64decode(sent["body_b64"])

    async def chunks() -> Any:
        for start in range(0, len(body), 40):
            yield body[start : start + 40]

    headers = {name.replace("-", "_"): value for name, value in sent["headers"].items()}
    media_type = headers.pop("Content_Type", None)
    url = f"http://{running.http_endpoint}{sent['path']}"
    return await post(url, chunks() if sent["chunked"] else body, media_type, sent["method"], **headers)


def _difference(expect: dict[str, Any], reply: Reply, accepted: int) -> str:
    """Why a reply is not the expected one; empty when it is."""
    checks = {
        f"status {reply.status}": reply.status in _any(expect["status"]),
        f"type {reply.media_type}": expect.get("content_type") in (None, reply.media_type),
        f"accepted {accepted}": expect.get("accepted_spans") is None or accepted in _any(expect["accepted_spans"]),
        f"body {reply.body[:80]!r}": _body_fits(expect, reply),
        f"headers {dict(reply.headers)}": not (set(expect.get("headers_absent", ())) & set(reply.headers))
        and all(reply.headers.get(k) == v for k, v in expect.get("headers", {}).items() if v != "*"),
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
        return (
            expect.get("rpc_code") in (None, status.code) and (expect.get("message_contains") or "") in status.message
        )
    if wanted == "partial_success":
        return (
            ExportTraceServiceResponse.FromString(reply.body).partial_success.rejected_spans == expect["rejected_spans"]
        )
    return wanted is None or reply.body == wanted.encode()


async def test_grpc_vectors(shared_data: Path) -> None:
    """The same over gRPC, written by hand where no client library would send it."""
    differing: dict[str, str] = {}
    vectors = _vectors(shared_data, "grpc_vectors.jsonl")
    async with receiver(FakeWindow()) as running:
        for vector in vectors:
            sent, expect = vector["request"], vector["expect"]
            headers = {"content-type": sent["content_type"], **sent["metadata"]}
            if sent["grpc_encoding"]:
                headers["grpc-encoding"] = sent["grpc_encoding"]
            assert running.grpc_endpoint is not None
            status, message = await raw_http2.call(
                *running.grpc_endpoint,
                sent["path"],
                base64.b64decode(sent["message_b64"]),
                headers,
                bool(sent["compressed_flag"]),
            )
            wanted = expect.get("message_b64")
            if status not in _any(expect["grpc_status"]) or wanted not in (None, base64.b64encode(message).decode()):
                differing[vector["id"]] = f"status {status}, message {message!r}"

    print(f"{len(vectors) - len(differing)} of {len(vectors)} gRPC vectors as expected; differing: {differing}")
    assert differing.keys() == {each for each in {**NOT_YET, **ON_PURPOSE} if each.startswith("G")}


async def test_bodies_captured_from_real_exporters_are_kept_whole(shared_data: Path) -> None:
    """Python and JavaScript exporters, instrumentations and agent frameworks, as they were on the wire."""
    captured = shared_data / "otlp" / "captured"
    bodies = sorted(captured.glob("*.traces.*.bin"))
    json_bodies = sorted(each for each in captured.glob("*-json*.traces.*.json") if ".meta." not in each.name)
    window = FakeWindow()
    async with receiver(window) as running:
        for path in bodies:
            assert (await post(f"http://{running.http_endpoint}/v1/traces", path.read_bytes())).body == b""
        for path in json_bodies:
            url = f"http://{running.http_endpoint}/v1/traces"
            assert (await post(url, path.read_bytes(), JSON)).body == b"{}"

    assert len(bodies) >= 14
    assert len(json_bodies) >= 2
    assert window.requests[: len(bodies)] == [path.read_bytes() for path in bodies]
    assert window.spans


async def test_captured_bodies_read_the_same_in_both_encodings(shared_data: Path) -> None:
    """The captures hold a JSON rendering of each protobuf body, made by other software."""
    checked = 0
    for path in sorted((shared_data / "otlp" / "captured").glob("*.bin")):
        rendering = path.with_name(path.name.removesuffix(".bin") + ".decoded.json")
        if rendering.exists():
            assert otlp_json.decode(rendering.read_bytes()) == ExportTraceServiceRequest.FromString(path.read_bytes())
            checked += 1

    assert checked >= 14


@pytest.mark.parametrize("name", ["trace.json"])
async def test_the_official_example_is_understood(shared_data: Path, name: str) -> None:
    """The example in opentelemetry-proto is what people copy."""
    body = (shared_data / "otlp" / "opentelemetry-proto-examples" / name).read_bytes()
    window = FakeWindow()
    async with receiver(window) as running:
        reply = await post(f"http://{running.http_endpoint}/v1/traces", body, JSON)

    assert (reply.status, reply.body) == (200, b"{}")
    assert window.spans[0].trace_id.hex() == "5b8efff798038103d269b633813fc60c"
