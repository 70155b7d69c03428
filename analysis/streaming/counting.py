"""What one trace adds to the counts of its agent's minute: integers by key, and nothing else.

A key is a measure, then what it is counted of (a tool, a cause), then the bin of a sketch where it is one. Every count
is a function of the set of spans, whatever the order they came in; adding and taking back is plain arithmetic. The
comments name the detector whose count it is.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from analysis.streaming import sequences
from analysis.streaming.digesting import ANSWERED, CUT, SILENT
from analysis.streaming.open_trace import NO_PARENT, Record, Word, has_failed
from analysis.streaming.sketch import bin_of
from analysis.streaming.tree import Tree, owner, tree
from domain.following import BUCKET_NS
from domain.spans import SpanKind

Key = tuple[str | int, ...]
Counts = Counter[Key]
_Sums = defaultdict[Key, int]
_LOOPS = ("repeated", "in_streaks")
_KINDS = {int(kind): kind.name for kind in SpanKind}


class Contribution(NamedTuple):
    """What a trace adds to which bucket; an empty uuid: it belongs to nobody and adds nothing."""

    agent_uuid: str
    start_ns: int
    counts: Counts


def contribution(records: Sequence[Record], words: Sequence[Word]) -> Contribution:
    """What a trace of these spans, by start, comes to."""
    found = tree(records, words)
    end_ns = max((max(record.start_ns, record.end_ns) for record in records), default=0)
    return Contribution(owner(found), bucket_start(end_ns), _counts(found, end_ns))


def length_alone(agent_uuid: str, end_ns: int, spans: int) -> Contribution:
    """What a trace beyond its limit comes to."""
    return Contribution(
        agent_uuid, bucket_start(end_ns), Counter({("traces",): 1, ("spans",): spans, ("overflowed",): 1})
    )


def bucket_start(end_ns: int) -> int:
    """The start of the bucket that a trace with this end is counted in."""
    return end_ns - end_ns % BUCKET_NS


def _counts(found: Tree, end_ns: int) -> Counts:
    counts: _Sums = defaultdict(int)
    counts["traces",] = 1
    counts["spans",] = len(found.records)
    for kind, spans in Counter([record.kind for record in found.records]).items():
        counts["spans_of", _KINDS[kind]] = spans
    if found.records:
        counts["trace_duration", bin_of(end_ns - found.records[0].start_ns)] = 1
    _count_models(found, counts)
    calls = [at for at, record in enumerate(found.records) if record.kind == SpanKind.TOOL and record.name]
    _count_tools(found, calls, counts)
    lost = _count_failures(found, calls, counts)
    _count_endings(found, bool(lost), counts)
    for key, count in sequences.repetitions(found, calls):
        counts[key] += count
        if key[0] in _LOOPS:
            counts["looping_traces", key[1]] = 1
    return Counter({key: count for key, count in counts.items() if count})


def _count_models(found: Tree, counts: _Sums) -> None:
    """Leaf LLM spans (coverage, truncated_output); wrappers repeat their tokens."""
    inputs = outputs = 0
    for at in found.leaf_llms:
        record = found.records[at]
        inputs += record.first
        outputs += record.second
        counts["model_duration", found.model(at), bin_of(_duration(found, at))] += 1
        if record.ending != SILENT:
            counts["told_answers",] += 1
            counts["cut_answers",] += record.ending == CUT
    if found.leaf_llms:
        counts["llm_calls",] = len(found.leaf_llms)
        counts["input_tokens",] = inputs
        counts["output_tokens",] = outputs
        counts["trace_tokens", bin_of(inputs + outputs)] = 1


def _count_tools(found: Tree, calls: list[int], counts: _Sums) -> None:
    """Calls by tool: what unusable_tool, tool_error_rate and the detectors of repetitions count of."""
    for at in calls:
        name = found.name(at)
        counts["calls", name] += 1
        counts["told_calls", name] += found.records[at].first != 0
        counts["call_duration", name, bin_of(_duration(found, at))] += 1
        counts["calling_traces", name] = 1


def _duration(found: Tree, at: int) -> int:
    record = found.records[at]
    return max(record.end_ns - record.start_ns, 0) if record.end_ns else 0


def _count_failures(found: Tree, calls: list[int], counts: _Sums) -> set[int]:
    """Failures by signature (error_signatures) and by tool (unusable_tool, unrecovered_error); the unrecovered ones."""
    if not found.failures:
        return set()
    counts["error_spans",] = sum(map(has_failed, found.records))
    counts["leaf_errors",] = found.leaf_errors
    counts["traces_with_errors",] = 1
    lost = sequences.unrecovered(found)
    signatures: set[sequences.Signature] = set()
    for at in found.failures:
        signature = sequences.signature(found, at)
        signatures.add(signature)
        counts["errors", *signature] += 1
        if found.records[at].kind == SpanKind.TOOL and found.records[at].name:
            counts["failures", found.name(at)] += 1
            counts["unrecovered", found.name(at)] += at in lost
            counts["failing_traces", found.name(at)] = 1
    for signature in signatures:
        counts["error_traces", *signature] += 1
    return lost


def _count_endings(found: Tree, has_lost: bool, counts: _Sums) -> None:
    """What is missing (unfinished_trace), and what says that the trace failed (`analysis.outcomes`)."""
    roots = [at for at, record in enumerate(found.records) if record.parent_id == NO_PARENT]
    if not roots:
        counts["unrooted",] = 1
        counts["unrooted_broken",] = counts["broken",] = has_lost
        return
    hanging = sum(not found.records[at].end_ns for at in roots)
    counts["roots_not_ended",] = hanging
    known = found.positions
    counts["parents_missing",] = len(
        [record for record in found.records if record.parent_id not in known and record.parent_id != NO_PARENT]
    )
    counts["root_failed",] = any(has_failed(found.records[at]) for at in roots)
    counts["broken",] = has_lost or hanging > 0
    agents = (found.records[at] for at in roots)
    final = next((record for record in agents if record.kind == SpanKind.AGENT and record.end_ns), None)
    if final is not None:
        is_answered = final.ending == ANSWERED
        counts["answerable",] = 1
        counts["unanswered",] = not is_answered
        counts["unanswered_broken",] = not is_answered and counts["broken",] > 0
