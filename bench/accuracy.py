"""How right the detectors are on runs that people have judged: printed beside constant baselines, never asserted on.

Two sets of shared data: research and coding agents with errors labelled span by span (TRAIL), and a coding agent's
runs with the verdict of their unit tests (CodeTracer). Labels are noisy: of objective errors one in six carries none.

Each detector's categories stand for one of TRAIL's by their meaning, written down here once and fitted to nothing. A
finding about a tool call is located where the model asked for it, one about an agent at its last model call.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analysis.contrasting import contrasts
from analysis.extraction import trace_facts
from analysis.facts import FactWindow, SpanFact, TraceFacts
from analysis.looking import Looked, load_detectors, look
from analysis.observability import missing
from analysis.phrases import plural
from analysis.trace_properties import Property
from bench.processes import Row
from bench.trail_scoring import Pair, Pairs, category, scores
from domain.otlp import ExportTraceServiceRequest
from domain.spans import SpanKind, SpanStatus
from store.backends.sqlite import load_window
from store.base import Selection
from store.loading import LoadReport, read_trace_files

MEANING: Mapping[str, str] = {
    "rate_limit": "Rate Limiting",
    "provider_error": "Service Errors",
    "network": "Service Errors",
    "model_call_error": "Service Errors",
    "authentication": "Authentication Errors",
    "timeout": "Timeout Issues",
    "resource_exhaustion": "Resource Exhaustion",
    "truncated_output": "Resource Exhaustion",
    "not_found": "Resource Not Found",
    "environment_setup": "Environment Setup Errors",
    "invalid_arguments": "Formatting Errors",
    "invalid_request": "Formatting Errors",
    "code_error": "Formatting Errors",
    "redundant_arguments": "Formatting Errors",
    "leaked_call": "Formatting Errors",
    "hallucinated_tool": "Tool Selection Errors",
    "unsupported_input": "Tool Selection Errors",
    "execution_error": "Tool-related",
    "empty_result": "Poor Information Retrieval",
    "repetition": "Resource Abuse",
    "retry_storm": "Resource Abuse",
    "goal_deviation": "Goal Deviation",
    "no_action": "Goal Deviation",
    "missing_answer": "Goal Deviation",
    "premature_end": "Goal Deviation",
    "refusal": "Goal Deviation",
    "step_limit": "Task Orchestration",
    "unrecovered_error": "Tool Output Misinterpretation",
    "ungrounded": "Language-only",
    "context_growth": "Context Handling Failures",
    "lost_history": "Context Handling Failures",
}
"""TRAIL's category of each of ours; what is not among them has none."""
_ACTING = (SpanKind.LLM, SpanKind.TOOL)
_NO_BAR = "printed, no bar"
_MOST_FREQUENT = 5


def rows(trail: Path | None) -> list[Row]:
    """Every detector on labelled spans, the table of predictors, and the stratified contrast."""
    if trail is None:
        return [Row("accuracy", "skipped: no shared traces; set HALO_SHARED_DATA to their directory", _NO_BAR)]
    found: list[Row] = []
    labels = trail.with_name("trail-dev.labels.json")
    found += _trail_rows(trail, json.loads(labels.read_text())) if labels.is_file() else [_absent(labels)]
    verdicts = trail.with_name("claude_code.labels.json")
    files = sorted(trail.parent.glob("claude_code_*.spans.jsonl.gz"))
    found += _contrast_rows(files, json.loads(verdicts.read_text())) if verdicts.is_file() and files else []
    return found if files and verdicts.is_file() else [*found, _absent(verdicts)]


def _absent(path: Path) -> Row:
    return Row("accuracy", f"skipped: {path.name} is not there", _NO_BAR)


def _facts(requests: Iterable[bytes]) -> FactWindow:
    """The facts of some requests, through the store."""
    with TemporaryDirectory() as directory, load_window(requests, Path(directory)) as reader:
        selected = reader.select(Selection(0, 2**62))
        return FactWindow.of(trace_facts(trace) for trace in reader.read(selected.keys))


def _trail_rows(trail: Path, labels: Mapping[str, Any]) -> Iterator[Row]:
    facts = _facts(read_trace_files([trail], LoadReport()))
    gold = {
        trace_id: {(error["location"], category(error["category"])) for error in said["errors"]}
        for trace_id, said in labels.items()
    }
    looked = look(facts, load_detectors(None), missing)
    yield from _detector_rows(facts, looked, gold)
    predicted = _predicted(facts, looked)
    for split in sorted({said["split"] for said in labels.values()}):
        own = {trace_id: gold[trace_id] for trace_id, said in labels.items() if said["split"] == split}
        traces = [trace for trace in facts.traces if trace.trace_id in own]
        for what, made in (("detectors by meaning", predicted), *_constants(traces, own)):
            joint, loc, f1, precision, count = scores(own, made)
            told = f"joint {joint:.3f}, loc {loc:.3f}, wF1 {f1:.3f}, pair precision {precision:.3f} of {count:,} pairs"
            yield Row(f"TRAIL {split}, {len(own)} traces: {what}", told, _NO_BAR)


def _detector_rows(facts: FactWindow, looked: Looked, gold: Pairs) -> Iterator[Row]:
    """Of the spans that a detector fires on, how many are labelled, or their issuer or next model call."""
    labelled = {(trace_id, span_id) for trace_id, pairs in gold.items() for span_id, _ in pairs}
    around = {trace.trace_id: _Around(trace) for trace in facts.traces}

    def share(refs: Iterable[tuple[str, str]]) -> str:
        spans = [facts.by_ref[ref] for ref in refs]
        hits = sum(any((s.trace_id, i) in labelled for i in around[s.trace_id].of(s)) for s in spans)
        alone = sum(span.ref in labelled for span in spans)
        traces = len({span.trace_id for span in spans})
        return (
            f"{plural(len(spans), 'span')} in {plural(traces, 'trace')}: {hits / len(spans):.0%} labelled, "
            f"{alone / len(spans):.0%} on the span itself"
        )

    acting = [span.ref for trace in facts.traces for span in trace.spans if span.kind in _ACTING]
    yield Row("TRAIL: any LLM or TOOL span", share(acting), "base rate")
    fires: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for seen in looked.seen:
        fires[seen.candidate.detector] |= seen.measure.affected
    for detector, refs in sorted(fires.items()):
        yield Row(f"TRAIL: {detector}", share(refs), _NO_BAR)


class _Around:
    """The spans of a trace on which annotators may have put the label for another one."""

    def __init__(self, trace: TraceFacts) -> None:
        self._models: dict[str, list[SpanFact]] = defaultdict(list)
        for span in trace.spans:
            if span.leaf_llm:
                self._models[span.scope_id].append(span)

    def of(self, span: SpanFact) -> Sequence[str]:
        """The span, its issuer and the next model call of its scope."""
        after = (model.span_id for model in self._models[span.scope_id] if model.start_ns >= max(span.end_ns, 1))
        following = next(after, "")
        return [each for each in (span.span_id, span.issuer_id, following) if each]

    def place(self, span: SpanFact) -> str:
        """Where a finding about a span is located."""
        if span.kind is SpanKind.AGENT and self._models[span.scope_id]:
            return self._models[span.scope_id][-1].span_id
        return span.issuer_id or span.span_id

    def last(self) -> str:
        """The last model call inside an agent; of a trace without one the last."""
        models = [span for scope, spans in self._models.items() if scope for span in spans]
        models = models or [span for spans in self._models.values() for span in spans]
        return max(models, key=lambda span: (span.start_ns, span.span_id)).span_id if models else ""


def _predicted(facts: FactWindow, looked: Looked) -> Pairs:
    around = {trace.trace_id: _Around(trace) for trace in facts.traces}
    found: dict[str, set[Pair]] = defaultdict(set)
    for seen in looked.seen:
        meaning = MEANING.get(seen.candidate.category)
        for ref in seen.measure.affected if meaning else ():
            found[ref[0]].add((around[ref[0]].place(facts.by_ref[ref]), category(meaning or "")))
    return found


def _constants(traces: Sequence[TraceFacts], gold: Pairs) -> Iterator[tuple[str, Pairs]]:
    """What says nothing about a trace: anything at all must do better than these."""
    counts = Counter(name for pairs in gold.values() for _, name in pairs)
    usual = [name for name, _ in counts.most_common(_MOST_FREQUENT)]

    def everywhere(trace: TraceFacts, names: Iterable[str], keep: Callable[[SpanFact], bool]) -> Set[Pair]:
        return {(span.span_id, name) for span in trace.spans if keep(span) for name in names}

    every = partial(everywhere, names=counts, keep=lambda span: span.kind in _ACTING)
    errors = partial(
        everywhere, names=[category("Formatting Errors")], keep=lambda span: span.status is SpanStatus.ERROR
    )
    yield "constant: every category at every LLM and TOOL span", {t.trace_id: every(t) for t in traces}
    last = {trace.trace_id: {(_Around(trace).last(), name) for name in usual} for trace in traces}
    yield f"constant: the {_MOST_FREQUENT} categories most frequent here at the last model call in an agent", last
    yield "constant: ERROR spans are Formatting Errors", {t.trace_id: errors(t) for t in traces}


def _contrast_rows(files: Sequence[Path], labels: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    resolved = {label["trace_id"]: label["is_resolved"] for label in labels}
    facts = _facts(_judged(request, resolved) for request in read_trace_files(files, LoadReport()))
    looked = look(facts, load_detectors(None), missing)
    wanted = ("contrast", "version_regression", "change_point", "cost_per_success")
    for seen in looked.seen:
        if seen.candidate.detector in wanted:
            figures = {name: value for name, value in seen.measure.figures if value is not None}
            shown = [f"{name} {figures[name]}" for name in ("odds_ratio", "change", "p_value") if name in figures]
            yield Row(f"claude_code: {seen.candidate.title}", ", ".join(shown), f"{seen.candidate.category}, {_NO_BAR}")
    repeats = contrasts(facts, 5).get(Property("repeats_call"))
    if repeats is not None:
        a, b, c, d = repeats.crude
        told = f"{a} of {a + b} fail, {c} of {c + d} others; p = {repeats.association.p_value:.2f} in strata, not told"
        yield Row("claude_code: one call three times or more, runs of comparable length", told, _NO_BAR)


def _judged(request: bytes, resolved: Mapping[str, bool | None]) -> bytes:
    """A request whose root spans carry the verdict of their unit tests."""
    message = ExportTraceServiceRequest.FromString(request)
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                passed = resolved.get(span.trace_id.hex())
                if not span.parent_span_id and passed is not None:
                    event = span.events.add(name="gen_ai.evaluation.result", time_unix_nano=span.end_time_unix_nano)
                    event.attributes.add(key="gen_ai.evaluation.name").value.string_value = "resolved"
                    label = event.attributes.add(key="gen_ai.evaluation.score.label").value
                    label.string_value = "pass" if passed else "fail"
    return message.SerializeToString()
