"""The same spans counted twice: live, as they land, and by the batch detectors over the stored window."""

import random
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from analysis.counting import counts_of
from analysis.coverage import coverage_of
from analysis.extraction import trace_facts
from analysis.facts import FactWindow
from analysis.failures import failures
from analysis.groups import calls_by_tool
from analysis.looking import Looked
from analysis.outcomes import outcomes
from analysis.streaming.bucket import decode
from analysis.streaming.counting import Counts
from analysis.streaming.digesting import SpanDigest
from analysis.streaming.following import LiveFollower
from analysis.streaming.health import total
from domain.following import Follower, SavedBucket
from domain.otlp import ExportTraceServiceRequest, KeyValue, Resource, ResourceSpans, ScopeSpans, Span
from domain.semconv import places_with, resource_index, span_index
from domain.spans import SpanKind
from store.backends.sqlite import load_window
from store.base import Selection
from tests.analysis.asking import detector

LATER_NS = 10**15
Numbers = dict[tuple[str, ...], tuple[int, ...]]


def request(*spans: Span, service: str = "shop") -> bytes:
    """An export request of one service."""
    resource = Resource()
    resource.attributes.add(key="service.name").value.string_value = service
    scope = ScopeSpans(spans=spans)
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])]
    ).SerializeToString()


def digests(requests: Iterable[bytes]) -> list[SpanDigest]:
    """The digests of every span of some requests."""
    follower: Follower = LiveFollower()
    places = places_with(follower.keys)
    found = []
    for body in requests:
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = resource_index(resource_spans.resource)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    said: dict[str, KeyValue] = {}
                    row = span_index(span, resource, 0, places, said)
                    found.append(follower.digest(row, span, said))
    return found


def latest(saved: Iterable[SavedBucket]) -> list[SavedBucket]:
    """What a table holds after these buckets were saved one after the other."""
    table = {(each.agent_uuid, each.start_ns): each for each in saved}
    return [each for each in table.values() if each.body]


def followed(told: Sequence[SpanDigest], follower: LiveFollower | None = None, step: int = 97) -> list[SavedBucket]:
    """The buckets after all was told in small commits, saved after each, and all traces have ended."""
    follower = follower or LiveFollower()
    saved: list[SavedBucket] = []
    for at in range(0, len(told), step):
        follower.take(told[at : at + step], at)
        saved += follower.settle(at)
    return latest([*saved, *follower.settle(LATER_NS)])


def shuffled(told: Sequence[SpanDigest], seed: int, resent: float = 0.2) -> list[SpanDigest]:
    """The same spans in another order, some of them told again."""
    chance = random.Random(seed)
    found = [*told, *(each for each in told if chance.random() < resent)]
    chance.shuffle(found)
    return found


def stored(requests: Iterable[bytes]) -> FactWindow:
    """The facts of the window that the store makes of some requests."""
    with tempfile.TemporaryDirectory() as directory, load_window(list(requests), Path(directory)) as reader:
        return FactWindow.of(trace_facts(trace) for trace in reader.read(reader.keys(Selection(0, 2**63 - 1))))


def streamed_numbers(buckets: Iterable[SavedBucket]) -> Numbers:
    """What streaming counts, in the shape of `batch_numbers`."""
    buckets = list(buckets)
    counts, failing = total(buckets)
    found: Numbers = {
        ("coverage",): tuple(
            counts[key,]
            for key in ("traces", "spans", "error_spans", "leaf_errors", "input_tokens", "output_tokens", "llm_calls")
        ),
        ("failing",): (failing,),
        ("truncated_output",): (counts["cut_answers",], counts["told_answers",]),
        ("root_not_ended",): (counts["roots_not_ended",], counts["traces",]),
        ("missing_parent",): (counts["parents_missing",], counts["spans",]),
    }
    for agent in {each.agent_uuid for each in buckets}:
        own = summed(each for each in buckets if each.agent_uuid == agent)
        found["agent", agent] = own["traces",], own["spans",]
    for key, calls in counts.items():
        measure, names = str(key[0]), tuple(str(name) for name in key[1:])
        if measure == "calls":
            (tool,) = names
            failures = counts["failures", tool]
            found["unusable_tool", tool] = found["tool_error_rate", tool] = failures, calls
            found["unrecovered_error", tool] = counts["unrecovered", tool], failures
            found["repeated_calls", tool] = counts["repeated", tool], counts["told_calls", tool]
            found["same_tool_streak", tool] = counts["in_streaks", tool], calls
        elif measure == "errors":
            kind, tool = names[:2]
            population = counts["calls", tool] if tool else counts["spans_of", kind]
            found["error_signatures", *names] = calls, population, counts["error_traces", *names]
        elif measure == "retries":
            found["retry_storm", *names] = counts["fruitless", *names], calls
    return found


def batch_numbers(window: FactWindow) -> Numbers:
    """What the shipped detectors count for each of their candidates' arguments."""
    nothing_seen = Looked(seen=(), not_observable=(), notes=(), tests_run=0)
    known = outcomes(window)
    sums = coverage_of(window, nothing_seen, known, (), excluded_traces=0, dropped_spans=0)
    coverage = (sums.traces, sums.spans, sums.error_spans, sums.leaf_errors, sums.input_tokens, sums.output_tokens)
    found: Numbers = {
        ("coverage",): (*coverage, len(window.llm_calls)),
        ("failing",): (len(known.failing),),
        ("truncated_output",): _asked(window, "truncated_output", {}),
    }
    for agent in {trace.agent_uuid for trace in window.traces}:
        owned = [trace for trace in window.traces if trace.agent_uuid == agent]
        found["agent", agent] = len(owned), sum(len(trace.spans) for trace in owned)
    for gap in ("root_not_ended", "missing_parent"):
        found[gap,] = _asked(window, "unfinished_trace", {"gap": gap, "tool": ""})
    for tool in window.once(calls_by_tool):
        of_tool: dict[str, Any] = {"tool": tool}
        for name in ("unusable_tool", "tool_error_rate"):
            found[name, tool] = _asked(window, name, of_tool | {"service": ""})
        found["unrecovered_error", tool] = _asked(window, "unrecovered_error", of_tool)
        found["repeated_calls", tool] = _asked(window, "repeated_calls", of_tool | {"min_repeats": 3})
        found["same_tool_streak", tool] = _asked(window, "same_tool_streak", of_tool | {"min_calls": 5})
    for name in ("error_signatures", "retry_storm"):
        for args in _causes(window):
            measured = counts_of(detector(name).measure(window, args))
            key = (name, args["kind"], args["tool"], args["error_type"], args["template"])
            if name == "error_signatures":
                found[key] = measured.affected_spans, measured.opportunities, measured.affected_traces
            elif measured.opportunities:
                found[key] = measured.affected_spans, measured.opportunities
    return found


def _asked(window: FactWindow, name: str, args: dict[str, Any]) -> tuple[int, int]:
    measured = counts_of(detector(name).measure(window, args))
    return measured.affected_spans, measured.opportunities


def _causes(window: FactWindow) -> Iterable[dict[str, str]]:
    """The arguments of every candidate of both detectors of errors, the rare ones one by one."""
    told = {}
    for failure in window.once(failures).values():
        for tool in {failure.span.tool, failure.span.tool if failure.span.kind is SpanKind.TOOL else ""}:
            key = (failure.span.kind.name, tool, failure.error_type, failure.template)
            told[key] = dict(zip(("kind", "tool", "error_type", "template"), key, strict=True))
    return told.values()


def summed(buckets: Iterable[SavedBucket]) -> Counts:
    """All counts together, open ones included."""
    found: Counts = Counter()
    for each in buckets:
        found.update(decode(each.body).counts)
    return found
