"""A sidecar that has received an agent's traces, and the `halo` command in this process against it."""

import json
import time
import urllib.request
from typing import Any

from click.testing import CliRunner, Result

from cli.main import halo
from domain.otlp import ExportTraceServiceRequest, KeyValue, Span, Status, any_value
from tests.acceptance.sidecar import Sidecar, wait_until

TRACES = 6
ERROR = "TypeError: page_down() takes 0 arguments <!channel> \x1b[31m`red`"


def a_request(service: str = "gaia", agent: str = "researcher") -> ExportTraceServiceRequest:
    """Six traces in which a tool fails every time."""
    now = time.time_ns()
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(KeyValue(key="service.name", value=any_value(service)))
    spans = resource.scope_spans.add().spans
    for number in range(1, TRACES + 1):
        trace_id, root = number.to_bytes(16, "big"), (number * 16).to_bytes(8, "big")
        spans.append(a_span(trace_id, root, b"", "run", now, {"openinference.span.kind": "AGENT", "agent.name": agent}))
        call = {"openinference.span.kind": "TOOL", "tool.name": "page_down", "input.value": '{"page": 1}'}
        spans.append(a_span(trace_id, (number * 16 + 1).to_bytes(8, "big"), root, "page_down", now, call))
    return request


def a_span(trace_id: bytes, span_id: bytes, parent: bytes, name: str, now: int, said: dict[str, str]) -> Span:
    failed = Status(code=Status.STATUS_CODE_ERROR, message=ERROR) if parent else None
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        name=name,
        start_time_unix_nano=now - 2_000_000_000,
        end_time_unix_nano=now - (1_000_000_000 if parent else 500_000_000),
        attributes=[KeyValue(key=key, value=any_value(value)) for key, value in said.items()],
        status=failed,
    )


def send(sidecar: Sidecar) -> None:
    """Export the traces over HTTP and wait until all are complete."""
    body = a_request().SerializeToString()
    headers = {"content-type": "application/x-protobuf"}
    with urllib.request.urlopen(urllib.request.Request(sidecar.http_endpoint, body, headers), timeout=30) as answer:
        assert answer.status == 200
    wait_until(lambda: len([t for t in sidecar.items("/api/v1/traces") if t["complete"]]) == TRACES)


class Halo:
    """The command, in this process, against one endpoint."""

    def __init__(self, endpoint: str) -> None:
        self._runner = CliRunner(env={"HALO_ENDPOINT": endpoint, "HALO_API_TOKEN": None, "HALO_DATA_DIR": None})

    def __call__(self, *words: object, answer: str | None = None) -> Result:
        return self._runner.invoke(halo, [str(word) for word in words], input=answer)

    def told(self, *words: object) -> str:
        """Its standard output; it must exit 0."""
        result = self(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: object) -> Any:
        """The JSON it prints."""
        return json.loads(self.told(*words, "--json"))
