"""What real clients put on the wire, sent to a running sidecar and asked for again over its API."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc
import pytest

from api.objects import jsonable
from domain.normalising import normalise
from domain.otlp import ExportTraceServiceRequest, attributes
from tests.acceptance.loading import EXPORT
from tests.acceptance.sidecar import Sidecar
from tests.domain.test_captures import CAPTURES, captured


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with Sidecar(tmp_path_factory.mktemp("captures") / "data") as running:
        yield running


def _send(sidecar: Sidecar, path: Path) -> None:
    """A body as it was captured: protobuf over gRPC where the client spoke gRPC, else over HTTP in its encoding."""
    body = path.read_bytes()
    if path.name.partition(".")[0].endswith(("grpc", "grpc-gzip")):
        with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
            assert channel.unary_unary(EXPORT)(body, timeout=10) == b""
        return
    media_type = "application/x-protobuf" if path.suffix == ".bin" else "application/json"
    request = urllib.request.Request(sidecar.http_endpoint, body, {"Content-Type": media_type})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.read() == (b"" if path.suffix == ".bin" else b"{}")


def _expected(request: ExportTraceServiceRequest) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                record = normalise(span, resource.resource, scope.scope)
                shown = {**asdict(record), "kind": record.kind.name.lower(), "agent": record.agent}
                yield span.trace_id.hex(), span.span_id.hex(), json.loads(json.dumps(shown)), attributes(span)


@pytest.mark.parametrize("client", CAPTURES)
def test_every_span_of_a_real_client_is_found_again_complete(client: str, shared_data: Path, sidecar: Sidecar) -> None:
    """What each is in our words stands in tests/domain/test_captures.py; here it has come through the whole house."""
    directory, checked = shared_data / "otlp" / "captured", 0
    for path in sorted(directory.glob(f"{client}.traces.*")):
        if not path.name.endswith((".decoded.json", ".meta.json")):
            _send(sidecar, path)
    for request in captured(directory, client):
        for trace_id, span_id, record, said in _expected(request):
            found = sidecar.get(f"/api/v1/traces/{trace_id}/spans/{span_id}")
            assert found["normalised"] == record
            assert found["attributes"] == jsonable(said)
            checked += 1

    assert checked == len(CAPTURES[client])
