"""The filter: what matches goes, the rest keeps its bytes."""

from typing import Any

import pytest

from collector.processing import Batch
from collector.processors.filter import Config, create
from domain.errors import ConfigError
from domain.otlp import ExportLogsServiceRequest, ExportTraceServiceRequest, KeyValue, any_value
from domain.settings import read_settings
from domain.signals import LOGS, TRACES

UNKNOWN = b"\xfa\x7f\x05later"


def _traces() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for service in ("web", "agent"):
        resource = request.resource_spans.add()
        resource.resource.attributes.append(KeyValue(key="service.name", value=any_value(service)))
        scope = resource.scope_spans.add()
        for name, route, code in (("GET /healthz", "/healthz", 0), ("GET /orders", "/orders", 2), ("run", None, 1)):
            span = scope.spans.add(name=name)
            span.status.code = code
            if route:
                span.attributes.append(KeyValue(key="http.route", value=any_value(route)))
                span.attributes.append(KeyValue(key="sampled", value=any_value(True)))
    return request


async def _kept(*rules: dict[str, Any]) -> list[str]:
    body = _traces().SerializeToString() + UNKNOWN
    batch = Batch(TRACES, body, ExportTraceServiceRequest.FromString(body))
    done = await create(Config.model_validate({"drop": rules}), name="filter").process(batch)
    assert done.request.endswith(UNKNOWN) or UNKNOWN in done.request, "what this version does not know stays"
    assert ExportTraceServiceRequest.FromString(done.request) == done.message
    return [
        f"{resource.resource.attributes[0].value.string_value}: {span.name}"
        for resource in done.message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.mark.parametrize(
    ("rule", "gone"),
    [
        ({"name": "GET /health*"}, {"web: GET /healthz", "agent: GET /healthz"}),
        ({"service": "web", "status": "error"}, {"web: GET /orders"}),
        ({"attributes": {"http.route": "/o*", "sampled": "true"}}, {"web: GET /orders", "agent: GET /orders"}),
        ({"attributes": {"http.route": "*"}, "service": "agent"}, {"agent: GET /healthz", "agent: GET /orders"}),
        ({"attributes": {"missing": "*"}}, set()),
        ({"name": "get*"}, set()),
        ({"signal": "logs", "name": "*"}, set()),
    ],
)
async def test_an_item_that_is_all_that_a_rule_says_is_dropped(rule: dict[str, Any], gone: set[str]) -> None:
    """Probes are most of what a web framework traces."""
    everything = await _kept({"name": "nothing is called so"})

    assert len(everything) == 6
    assert await _kept(rule) == [each for each in everything if each not in gone]


async def test_any_rule_is_enough() -> None:
    """Rules are alternatives, what one says is together."""
    assert await _kept({"service": "web"}, {"name": "GET*"}) == ["agent: run"]


async def test_log_records_go_by_their_event() -> None:
    """The other signals have names too."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(event_name="noise.tick")
    records.add(event_name="gen_ai.choice")
    batch = Batch(LOGS, request.SerializeToString(), request)
    rule = {"signal": "logs", "name": "noise.*"}
    done = await create(Config.model_validate({"drop": [rule]}), name="filter").process(batch)

    assert [record.event_name for record in done.message.resource_logs[0].scope_logs[0].log_records] == [
        "gen_ai.choice"
    ]


def test_a_rule_that_says_nothing_is_refused() -> None:
    """It would drop everything, and who wrote it meant something else."""
    with pytest.raises(ConfigError, match="would drop everything; say service, name, status or attributes"):
        read_settings(Config, "processors.filter", {"drop": [{"signal": "logs"}]})
