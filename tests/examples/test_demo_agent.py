"""The demo agent, seen from the other end of the wire: do its spans say what it says it did?"""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from domain.masking import template
from examples.demo_agent.__main__ import main
from examples.demo_agent.tally import Fault
from examples.demo_agent.tools import DECLARATIONS
from tests.examples.receiving import Collector, HttpCollector, Seen, spans_of

SEEDS = (1, 7, 42)
ROOT = Path(__file__).parents[2]


@dataclass
class Run:
    """One run of the agent: its own account, and the spans that arrived, in the order they began."""

    counts: dict[str, Any]
    spans: list[Seen]

    def of_kind(self, kind: str) -> list[Seen]:
        return [seen for seen in self.spans if seen.kind == kind]


def run_agent(seed: int, counts_file: Path, *more: str) -> Run:
    with Collector() as collector:
        arguments = ["--seed", str(seed), "--otlp-endpoint", collector.endpoint, "--counts", str(counts_file), *more]
        assert main(arguments) == 0
    return Run(json.loads(counts_file.read_text()), spans_of(collector.requests))


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed{seed}")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_agent(request.param, tmp_path_factory.mktemp("demo") / "counts.json")


def fault_from_spans(calls: list[Seen], faulty: list[Seen]) -> dict[str, int]:
    traces = {seen.span.trace_id for seen in faulty}
    return {"calls": len(calls), "failures": len(faulty), "traces": len(traces)}


def own(run: Run, fault: str) -> dict[str, int]:
    return {key: run.counts["faults"][fault][key] for key in ("calls", "failures", "traces")}


@pytest.mark.parametrize(("fault", "tool"), [("unusable_tool", "next_page"), ("flaky_backend", "get_customer")])
def test_failed_calls_are_counted_as_the_spans_show_them(run: Run, fault: str, tool: str) -> None:
    """A report can only be held against the agent's numbers if those are true."""
    calls = [seen for seen in run.of_kind("TOOL") if seen.tool == tool]
    by_trace: dict[bytes, list[bool]] = defaultdict(list)
    for call in calls:
        by_trace[call.span.trace_id].append(call.failed)
    outcomes = ["".join("x" if failed else "." for failed in failures) for failures in by_trace.values()]

    from_spans = fault_from_spans(calls, [call for call in calls if call.failed])

    assert run.counts["faults"][fault] == from_spans | {
        "tool": tool,
        "retry_storms": sum(len(streak) > 1 for outcome in outcomes for streak in outcome.split(".")),
        "unrecovered": sum(outcome.endswith("x") for outcome in outcomes),
    }


def test_hallucinated_tools_are_those_the_request_did_not_declare(run: Run) -> None:
    """The model's request and its answer are on one span: the fault can be read from there alone."""
    asked = [
        (seen, value)
        for seen in run.of_kind("LLM")
        for key, value in seen.attributes.items()
        if key.startswith("llm.output_messages.") and key.endswith("tool_call.function.name")
    ]
    invented = [(seen, name) for seen, name in asked if name not in declared_tools(seen)]
    calls = [seen for seen in run.of_kind("TOOL") if seen.tool in {name for _, name in invented}]

    assert own(run, "hallucinated_tool") == fault_from_spans(calls, [seen for seen, _ in invented])
    assert all(call.failed and "unknown tool" in call.span.status.message for call in calls)


def test_loops_are_identical_calls_with_identical_results(run: Run) -> None:
    """Three times the same question and the same answer is where a loop begins."""
    alike: dict[tuple[Any, ...], list[Seen]] = defaultdict(list)
    for seen in run.of_kind("TOOL"):
        if not seen.failed:
            said = (seen.attributes["input.value"], seen.attributes["output.value"])
            alike[seen.span.trace_id, seen.tool, *said].append(seen)
    looping = [seen for group in alike.values() if len(group) >= 3 for seen in group]
    calls = [seen for seen in run.of_kind("TOOL") if seen.tool == "search_docs"]

    assert {seen.tool for seen in looping} == {"search_docs"}
    assert own(run, "loop") == fault_from_spans(calls, looping)
    assert not [group for group in alike.values() if len(group) == 2]


def test_truncated_answers_carry_the_finish_reason(run: Run) -> None:
    """The text of a truncated answer looks like any other; only the reason and the token count tell."""
    cut = [seen for seen in run.of_kind("LLM") if seen.attributes["llm.finish_reason"] == "length"]

    assert own(run, "truncated") == fault_from_spans(run.of_kind("LLM"), cut)
    for seen in cut:
        limit = json.loads(seen.attributes["llm.invocation_parameters"])["max_completion_tokens"]
        assert seen.attributes["llm.token_count.completion"] == limit


def test_the_totals_are_those_of_the_spans(run: Run) -> None:
    """Traces, spans, errors and tokens are the frame of every report."""
    agents, models, tools = run.of_kind("AGENT"), run.of_kind("LLM"), run.of_kind("TOOL")

    totals = {key: value for key, value in run.counts.items() if key not in ("seed", "faults")}

    assert len(run.spans) == len(agents) + len(models) + len(tools)
    assert totals == {
        "traces": len({seen.span.trace_id for seen in run.spans}),
        "failed_traces": sum(seen.failed for seen in agents),
        "spans": len(run.spans),
        "llm_calls": len(models),
        "tool_calls": len(tools),
        "failed_tool_calls": sum(seen.failed for seen in tools),
        "input_tokens": sum(seen.attributes["llm.token_count.prompt"] for seen in models),
        "output_tokens": sum(seen.attributes["llm.token_count.completion"] for seen in models),
    }


def test_every_fault_occurs_and_most_tickets_are_healthy(run: Run) -> None:
    """An agent that fails everywhere is as little like a real one as an agent that never does."""
    faults = run.counts["faults"]
    failing = {seen.span.trace_id for seen in run.of_kind("TOOL") if seen.failed}

    assert all(fault["failures"] > 0 for fault in faults.values())
    assert faults["unusable_tool"]["failures"] > 0.8 * faults["unusable_tool"]["calls"]
    assert faults["flaky_backend"]["failures"] < 0.5 * faults["flaky_backend"]["calls"]
    affected = len(failing) + faults["loop"]["traces"] + faults["truncated"]["traces"]
    assert affected < run.counts["traces"] / 2


def test_one_trace_is_one_ticket_with_an_agent_span_at_its_root(run: Run) -> None:
    """Agent, session and parentage are what traces are grouped by."""
    roots = {seen.span.trace_id: seen for seen in run.spans if not seen.span.parent_span_id}

    assert len(roots) == run.counts["traces"]
    assert {root.attributes["agent.name"] for root in roots.values()} == {"order_support"}
    assert all(root.kind == "AGENT" and root.attributes["output.value"] for root in roots.values())
    for seen in run.spans:
        root = roots[seen.span.trace_id]
        assert seen is root or seen.span.parent_span_id == root.span.span_id
        assert seen.attributes["session.id"] == root.attributes["session.id"]


def test_a_model_span_carries_the_declared_tools_and_the_whole_exchange(run: Run) -> None:
    """Schemas, messages, tool calls and tokens are what most detectors read."""
    declared = {tool["function"]["name"]: tool["function"]["parameters"] for tool in DECLARATIONS}

    for seen in run.of_kind("LLM"):
        assert declared_tools(seen) == declared
        assert seen.attributes["llm.input_messages.0.message.role"] == "system"
        assert seen.attributes["llm.model_name"] == "scripted-support-1"
        answer = "llm.output_messages.0.message."
        assert (answer + "content" in seen.attributes) != (answer + "tool_calls.0.tool_call.id" in seen.attributes)


def test_a_tool_span_belongs_to_the_call_a_model_asked_for(run: Run) -> None:
    """The one who issued a failing call is found by the id of the call."""
    asked = {
        (seen.span.trace_id, value): seen
        for seen in run.of_kind("LLM")
        for key, value in seen.attributes.items()
        if key.startswith("llm.output_messages.") and key.endswith("tool_call.id")
    }

    for seen in run.of_kind("TOOL"):
        issuer = asked.pop((seen.span.trace_id, seen.attributes["tool.id"]))
        assert seen.attributes["input.mime_type"] == "application/json"
        call = "llm.output_messages.0.message.tool_calls.0.tool_call.function."
        assert issuer.attributes[call + "name"] == seen.tool
        assert issuer.attributes[call + "arguments"] == seen.attributes["input.value"]
        assert issuer.span.end_time_unix_nano <= seen.span.start_time_unix_nano
    assert not asked


def test_a_failed_tool_records_its_exception_and_one_template_covers_its_texts(run: Run) -> None:
    """Error texts differ in ids and numbers, as real ones do, yet each fault is one signature."""
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    for seen in (seen for seen in run.of_kind("TOOL") if seen.failed):
        (event,) = seen.span.events
        recorded = {item.key: item.value.string_value for item in event.attributes}
        assert (event.name, "output.value" in seen.attributes) == ("exception", False)
        assert (
            seen.span.status.message == f"{recorded['exception.type'].rpartition('.')[2]}: "
            f"{recorded['exception.message']}"
        )
        texts[seen.tool][seen.span.status.message] += 1

    assert all(len({template(text) for text in known}) == 1 for known in texts.values())
    assert len(texts["get_customer"]) == texts["get_customer"].total()


def declared_tools(seen: Seen) -> dict[str, Any]:
    schemas = [json.loads(value) for key, value in seen.attributes.items() if key.startswith("llm.tools.")]
    return {schema["function"]["name"]: schema["function"]["parameters"] for schema in schemas}


def test_the_program_repeats_its_counts_for_the_same_seed(tmp_path: Path) -> None:
    """A demonstration that cannot be repeated proves nothing, nor does one that is always the same."""
    first, other = run_agent(3, tmp_path / "a.json").counts, run_agent(4, tmp_path / "b.json").counts
    with Collector() as collector:
        command = [sys.executable, "-W", "error", "-m", "examples.demo_agent", "--seed", "3"]
        arguments = ["--otlp-endpoint", collector.endpoint, "--counts", str(tmp_path / "c.json")]
        done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert "unusable_tool" in done.stdout
    assert json.loads((tmp_path / "c.json").read_text()) == first
    assert first["faults"] != other["faults"]


@pytest.mark.parametrize("fault", list(Fault))
def test_a_fixed_fault_is_not_committed_and_the_others_are(fault: Fault, tmp_path: Path) -> None:
    """A report that calls a fault resolved needs an agent in which it is, and in which nothing else changed."""
    before = run_agent(3, tmp_path / "a.json").counts
    after = run_agent(3, tmp_path / "b.json", "--fixed", fault.value).counts

    assert before["faults"][fault]["failures"] > 0
    committed = {name for name, count in after["faults"].items() if count["failures"]}
    assert committed == {str(other) for other in Fault} - {fault}
    assert after["traces"] == before["traces"]


def test_the_http_exporter_delivers_the_same_spans(tmp_path: Path) -> None:
    """Both protocols are offered, so both have to work."""
    with HttpCollector() as collector:
        target = ["--protocol", "http", "--otlp-endpoint", collector.endpoint]
        counts = ["--counts", str(tmp_path / "counts.json")]
        assert main(["--seed", "1", "--tasks", "12", *target, *counts]) == 0

    spans = spans_of(collector.requests)
    assert len(spans) == json.loads((tmp_path / "counts.json").read_text())["spans"] > 0


def test_spans_that_nobody_took_end_the_program_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever looks for the missing report should not have to look here first."""
    with Collector(refuse_with=grpc.StatusCode.PERMISSION_DENIED) as collector:
        code = main(["--seed", "1", "--tasks", "12", "--otlp-endpoint", collector.endpoint])

    complaint = capsys.readouterr().err.splitlines()
    assert code == 1
    assert len(complaint) == 1
    assert f"spans were not accepted by {collector.endpoint} (grpc)" in complaint[0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--tasks", "3"], "demo agent: --tasks 3: at least 12"),
        (["--counts", "/nowhere/counts.json"], "demo agent: --counts /nowhere/counts.json: there is no directory"),
    ],
)
def test_a_wrong_option_is_named(capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str) -> None:
    """A mistake on the command line should show before the run, not after it."""
    assert main(["--seed", "1", *arguments]) == 2

    assert capsys.readouterr().err.startswith(complaint)
