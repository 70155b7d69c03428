"""A report as spans beside the spans it is about."""

from domain.otlp import ExportTraceServiceRequest, Span, attributes
from rendering.spans import trace
from tests.rendering.sample import a_finding, a_hostile_report, a_report


def spans(request: ExportTraceServiceRequest) -> list[Span]:
    return [s for rs in request.resource_spans for ss in rs.scope_spans for s in ss.spans]


def test_a_run_is_one_trace_with_a_child_for_each_finding() -> None:
    """So that a tracing backend shows the report as it shows everything else."""
    request = trace(a_report())
    run, first, second = spans(request)

    assert attributes(request.resource_spans[0].resource) == {"service.name": "halo-sidecar"}
    assert [run.name, first.name, second.name] == ["halo.run", "halo.finding", "halo.finding"]
    assert {len(span.trace_id) for span in (run, first, second)} == {16}
    assert len({span.trace_id for span in (run, first, second)}) == 1
    assert len({span.span_id for span in (run, first, second)}) == 3
    assert run.parent_span_id == b""
    assert first.parent_span_id == second.parent_span_id == run.span_id
    assert run.end_time_unix_nano - run.start_time_unix_nano == 3_250_000_000
    said = attributes(first)
    assert said["halo.finding.id"] == "f-1"
    assert said["halo.finding.rate"] == 63 / 64
    assert said["halo.finding.severity"] == "critical"
    assert attributes(run)["halo.coverage.leaf_errors"] == 116


def test_findings_link_to_each_cited_span_once() -> None:
    """The way from a finding to its proof is one click."""
    evidence = a_finding().evidence
    twice = a_finding(evidence=(*evidence, evidence[0].model_copy(update={"field": "output.value"})))
    links = spans(trace(a_report(findings=(twice,))))[1].links

    assert [(link.trace_id.hex(), link.span_id.hex()) for link in links] == [
        ("0a" * 16, "0b" * 8),
        ("0c" * 16, "0d" * 8),
    ]


def test_ids_that_are_no_otlp_ids_are_left_out_of_the_links() -> None:
    """A link with a malformed id makes receivers refuse the whole request."""
    assert all(not span.links for span in spans(trace(a_hostile_report())))


def test_a_resend_is_byte_for_byte_the_same() -> None:
    """Delivery is at least once; the backend must be able to tell a repeat."""
    first = trace(a_report()).SerializeToString(deterministic=True)

    assert trace(a_report()).SerializeToString(deterministic=True) == first
    assert trace(a_report(run_id="run-2")).SerializeToString(deterministic=True) != first


def test_text_that_is_no_unicode_can_be_sent() -> None:
    """JSON may carry half a surrogate pair; protobuf text may not."""
    run = spans(trace(a_report(headline="half \ud83d of a pair")))[0]

    assert attributes(run)["halo.report.headline"] == "half ? of a pair"
