"""Messages, evaluations and exceptions that a stock SDK exports as log records, seen wherever their spans are."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry._logs import Logger, LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Span

from tests.acceptance.sidecar import Sidecar, wait_until

RESOURCE = Resource({"service.name": "letters"})
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    settings = {"store.traces.quiet": "300ms", "store.merge.interval": "300ms"}
    with Sidecar(tmp_path_factory.mktemp("logs") / "data", settings) as running:
        yield running


@contextmanager
def logger_of(exporter: Any) -> Iterator[Logger]:
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    try:
        yield provider.get_logger("instrumentation")
    finally:
        provider.shutdown()


@contextmanager
def loggers(sidecar: Sidecar) -> Iterator[dict[str, Logger]]:
    """A logger over each protocol."""
    with (
        logger_of(GrpcLogExporter(endpoint=sidecar.grpc_endpoint, insecure=True)) as grpc,
        logger_of(HttpLogExporter(endpoint=f"http://127.0.0.1:{sidecar.http_port}/v1/logs")) as http,
    ):
        yield {"grpc": grpc, "http": http}


def emit(logger: Logger, span: Span, name: str, body: Any = None, attributes: Any = None) -> None:
    context = otel_trace.set_span_in_context(span, otel_context.Context())
    logger.emit(LogRecord(timestamp=1, context=context, event_name=name, body=body, attributes=attributes or {}))


def emit_messages(logger: Logger, span: Span, answer: str) -> None:
    """One event a message, content in the body, as instrumentations did up to 1.36."""
    emit(logger, span, "gen_ai.user.message", {"role": "user", "content": "write"}, {"gen_ai.system": "openai"})
    message = {"role": "assistant", "content": answer}
    emit(logger, span, "gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": message})


def emit_details(logger: Logger, span: Span, answer: str) -> None:
    """One event an operation, content in structured attributes, as they do since."""
    parts = [{"type": "text", "content": answer}]
    output = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
    said = {**CHAT, "gen_ai.output.messages": output}
    emit(logger, span, "gen_ai.client.inference.operation.details", None, said)


def emit_evaluation(logger: Logger, span: Span) -> None:
    said = {"gen_ai.evaluation.name": "politeness", "gen_ai.evaluation.score.value": 0.25}
    emit(logger, span, "gen_ai.evaluation.result", None, said)


def work(sidecar: Sidecar, writing: Any) -> tuple[str, Span, Span]:
    """One trace of an agent with two LLM calls that carry no content; `writing` is called while they are open."""
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=sidecar.grpc_endpoint, insecure=True)))
    tracer = provider.get_tracer("agent")
    with tracer.start_as_current_span("invoke_agent", attributes={"gen_ai.operation.name": "invoke_agent"}) as root:
        calls = [tracer.start_span("chat gpt-4o", attributes=CHAT) for _ in range(2)]
        writing(*calls)
        for call in calls:
            call.end()
    provider.shutdown()
    trace_id = f"{root.get_span_context().trace_id:032x}"
    wait_until(lambda: [t for t in sidecar.items("/api/v1/traces") if t["trace_id"] == trace_id and t["complete"]])
    return trace_id, calls[0], calls[1]


def events_of(sidecar: Sidecar, trace_id: str, span: Span) -> list[dict[str, Any]]:
    found = sidecar.get(f"/api/v1/traces/{trace_id}/spans/{span.get_span_context().span_id:016x}")
    return list(found["events"])


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_messages_sent_as_log_records_are_seen_in_their_span(sidecar: Sidecar, protocol: str) -> None:
    """Instrumentations of both generations, one before its span is exported, one long after its trace is complete."""
    with loggers(sidecar) as ways:
        logger = ways[protocol]
        trace_id, first, second = work(sidecar, lambda call, _: emit_messages(logger, call, "Dear Sir"))
        emit_details(logger, second, "Dear Madam")
        emit_evaluation(logger, second)
    old, new = events_of(sidecar, trace_id, first), events_of(sidecar, trace_id, second)
    told = sidecar.halo("span", "get", trace_id, f"{second.get_span_context().span_id:016x}", "--json")

    assert [event["name"] for event in old] == ["gen_ai.user.message", "gen_ai.choice"]
    assert old[0]["attributes"]["content"] == "write"
    assert old[1]["attributes"]["message"] == {"role": "assistant", "content": "Dear Sir"}
    assert [event["name"] for event in new] == ["gen_ai.client.inference.operation.details", "gen_ai.evaluation.result"]
    assert new[0]["attributes"]["gen_ai.output.messages"][0]["parts"][0]["content"] == "Dear Madam"
    assert new[1]["attributes"]["gen_ai.evaluation.score.value"] == 0.25
    assert {event["attributes"]["halo.source"] for event in (*old, *new)} == {"log"}
    assert told.returncode == 0, told.stderr
    assert "Dear Madam" in told.stdout


def test_a_run_sees_what_arrived_as_log_records(sidecar: Sidecar, tmp_path: Path) -> None:
    """Without the records nothing can be said of the answers; with them an empty answer is found and proven."""

    def answers(first: Span, second: Span) -> None:
        emit_messages(ways["grpc"], first, "")
        emit_details(ways["http"], second, "Dear all")

    with loggers(sidecar) as ways:
        calls = [work(sidecar, answers)[1] for _ in range(3)]
    agent = next(each for each in sidecar.items("/api/v1/agents") if each["service"] == "letters")
    run = sidecar.run(agent["uuid"])
    report = sidecar.get(f"/api/v1/reports/{run['id']}")
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    verified = sidecar.halo("verify", str(path), "--data-dir", str(sidecar.data_dir))
    with loggers(sidecar) as ways:
        emit_details(ways["grpc"], calls[0], "a late answer")
    verified_late = sidecar.halo("verify", str(path), "--data-dir", str(sidecar.data_dir))
    empty = [finding for finding in report["findings"] if finding["detector"] == "empty_output"]

    assert run["status"] == "completed"
    assert "empty_output" not in [each["detector"] for each in report["coverage"]["not_observable"]]
    assert sum(finding["counts"]["affected_spans"] for finding in empty) == 3
    assert verified.returncode == 0, verified.stdout
    assert "traces derived again" in verified.stdout
    assert verified_late.returncode == 0, verified_late.stdout
    assert verified_late.stdout != verified.stdout


def test_without_the_records_the_same_run_says_that_it_cannot_see(tmp_path: Path) -> None:
    """The control: it is the log records, and nothing else, that make answers observable."""
    with Sidecar(tmp_path / "data", {"store.traces.quiet": "300ms"}) as sidecar:
        work(sidecar, lambda *_: None)
        agent = sidecar.items("/api/v1/agents")[0]
        report = sidecar.get(f"/api/v1/reports/{sidecar.run(agent['uuid'])['id']}")

    assert "empty_output" in [each["detector"] for each in report["coverage"]["not_observable"]]
