"""Real captures and the official example, against the receiver over sockets."""

from pathlib import Path

import pytest

from domain import otlp_json
from domain.otlp import ExportTraceServiceRequest
from domain.signals import TRACES
from tests.collector.fakes import FakeWindow
from tests.collector.serving import JSON, post, receiver


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
            assert otlp_json.decode(rendering.read_bytes(), TRACES) == ExportTraceServiceRequest.FromString(
                path.read_bytes()
            )
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
