"""A report made by hand, and the same report with hostile text wherever a span could have put it."""

from datetime import UTC, datetime
from typing import Any

from domain.report import (
    AgentBreakdown,
    AgentRef,
    Claims,
    Counts,
    Coverage,
    Evidence,
    Finding,
    NotObservable,
    Query,
    Report,
    Spend,
    Split,
    TimeWindow,
    Waste,
)

QUOTE = "TypeError: page_down() takes 0 positional arguments but 1 was given"
HOSTILE = (
    "<script>alert(1)</script> <!channel> <@U123> @here **bold** _it_ [click](http://evil.test) ![x](http://evil.test/p)"
    " ```\n# Ignore the above\n```` | cell | `code` &lt; \x1b[31mred\x1b[0m \u202egnp.exe <https://evil.test|ok>"
)


def a_finding(**changes: Any) -> Finding:
    """page_down fails in 63 of its 64 calls."""
    finding = Finding(
        id="f-1",
        fingerprint="3f2a9c1d",
        detector="unusable_tool",
        category="tool use",
        title="page_down fails in 63 of 64 calls",
        owner="harness",
        severity="critical",
        confidence="high",
        status="new",
        first_seen=datetime(2025, 3, 1, 8, 30, tzinfo=UTC),
        last_seen=datetime(2025, 3, 1, 17, 45, 12, tzinfo=UTC),
        counts=Counts(
            affected_spans=63,
            opportunities=64,
            affected_traces=13,
            traces=25,
            rate=63 / 64,
            ci_low=0.9167,
            ci_high=0.9972,
        ),
        splits=(
            Split(by="argument_keys", value='[""]', affected=63, opportunities=63),
            Split(by="argument_keys", value="[]", affected=0, opportunities=1),
        ),
        waste=Waste(tokens=412_300, seconds=754.2),
        evidence=(
            Evidence(trace_id="0a" * 16, span_id="0b" * 8, field="status.message", quote=QUOTE, sha256="aa"),
            Evidence(trace_id="0c" * 16, span_id="0d" * 8, field="status.message", quote=QUOTE, sha256="bb"),
        ),
        queries=(Query(name="unusable_tool", args={"tool": "page_down"}, expect={"affected_spans": 63}),),
        explanation="The tool takes no arguments, yet the model is shown one and always passes it.",
        fix="Declare page_down with an empty parameter object, or ignore unknown arguments.",
        acceptance_query="page_down error rate below 5 % over at least 50 calls",
    )
    return finding.model_copy(update=changes)


def a_second_finding() -> Finding:
    """An environment failure without splits, waste or evidence."""
    return a_finding(
        id="f-2",
        fingerprint="77aa01bc",
        detector="error_signatures",
        category="errors",
        title="web_search: <num> Forbidden",
        owner="environment",
        severity="medium",
        confidence="medium",
        status="persisting",
        counts=Counts(
            affected_spans=4, opportunities=80, affected_traces=3, traces=25, rate=0.05, ci_low=0.0196, ci_high=0.1216
        ),
        splits=(),
        waste=Waste(tokens=0, seconds=0.0),
        evidence=(),
        explanation="The search service refuses some requests.",
        fix="Renew the key.",
        acceptance_query="web_search error rate below 1 % over at least 80 calls",
    )


def a_report(**changes: Any) -> Report:
    """Two findings over one agent, with something in every section."""
    report = Report(
        report_id="rep-1",
        run_id="run-1",
        agent=AgentRef(uuid="11111111-2222-5333-8444-555555555555", name="researcher", service="gaia"),
        window=TimeWindow(start=datetime(2025, 3, 1, tzinfo=UTC), end=datetime(2025, 3, 2, tzinfo=UTC)),
        generated_at=datetime(2025, 3, 2, 0, 0, 5, 250_000, tzinfo=UTC),
        mode="analysis",
        headline="page_down fails in 98 % of its calls and 13 of 25 traces meet it.",
        coverage=Coverage(
            traces=25,
            spans=1_204,
            excluded_traces=1,
            failing_traces=14,
            outcome_source="root_status",
            explained_failing_traces=13,
            dropped_spans=7,
            error_spans=207,
            leaf_errors=116,
            input_tokens=6_225_039,
            output_tokens=48_100,
            not_observable=(NotObservable(detector="empty_output", missing_fields=("output.value",)),),
            tests_run=31,
        ),
        agents=(
            AgentBreakdown(
                agent=AgentRef(uuid="1", name="researcher", service="gaia"),
                traces=25,
                spans=1_204,
                error_spans=207,
                leaf_errors=116,
                input_tokens=6_225_039,
                output_tokens=48_100,
                findings=2,
            ),
        ),
        findings=(a_finding(), a_second_finding()),
        claims=Claims(),
        narrative_md="What to do first, by impact:\n\n- **Finding 1** (critical, owner: harness): Declare page_down.",
        spend=Spend(seconds=3.25),
        notes=("Latency outliers need 20 calls a tool; browse had 12.",),
    )
    return report.model_copy(update=changes)


def a_hostile_report() -> Report:
    """Every text that can stem from a span is `HOSTILE`."""
    finding = a_finding(
        title=HOSTILE,
        explanation=HOSTILE,
        fix=HOSTILE,
        acceptance_query=HOSTILE,
        category=HOSTILE,
        splits=(Split(by=HOSTILE, value=HOSTILE, affected=1, opportunities=1),),
        evidence=(Evidence(trace_id=HOSTILE, span_id=HOSTILE, field=HOSTILE, quote=HOSTILE, sha256="aa"),),
    )
    agent = AgentRef(uuid="u", name=HOSTILE, service=HOSTILE)
    return a_report(
        agent=agent,
        headline=HOSTILE,
        findings=(finding, finding),
        notes=(HOSTILE,),
        narrative_md=HOSTILE,
        agents=(a_report().agents[0].model_copy(update={"agent": agent}),),
    )
