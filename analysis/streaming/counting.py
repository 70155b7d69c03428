"""What one trace adds to the counts of its agent's minute: integers by key, and nothing else.

A key is a measure, then what it is counted of (a tool, a cause), then the bin of a sketch where it is one. Every count
is a function of the set of spans, whatever the order they came in; adding and taking back is plain arithmetic. The
comments name the detector whose count it is.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from analysis.primitives import NONE
from analysis.streaming import sequences
from analysis.streaming.digesting import ANSWERED, CUT, SILENT
from analysis.streaming.open_trace import NO_PARENT, Record, Word, has_failed
from analysis.streaming.plain import Plain, plain
from analysis.streaming.sketch import bin_of
from analysis.streaming.tree import Tree, named_owner, owner, tree
from domain.following import BUCKET_NS
from domain.spans import SpanKind

Key = tuple[str | int, ...]
Counts = Counter[Key]
_Sums = defaultdict[Key, int]
_END = attrgetter("end_ns")
_LOOPS = ("repeated", "in_streaks")
_SPANS_OF: Mapping[int, Key] = {int(kind): ("spans_of", kind.name) for kind in SpanKind}
_OF_MODELS: Sequence[Key] = (
    ("llm_calls",),
    ("input_tokens",),
    ("output_tokens",),
    ("told_answers",),
    ("cut_answers",),
)
_TOOL = int(SpanKind.TOOL)


class Contribution(NamedTuple):
    """What a trace adds to which bucket; an empty uuid: it belongs to nobody and adds nothing."""

    agent_uuid: str
    start_ns: int
    counts: Mapping[Key, int]


def contribution(records: Sequence[Record], words: Sequence[Word]) -> Contribution:
    """What a trace of these spans, by start, comes to."""
    end_ns = max(max(map(_END, records)), records[-1].start_ns) if records else 0
    parts = plain(records)
    uuid = "" if parts is None else named_owner(words[records[0].source])
    if parts is not None and uuid:
        return Contribution(uuid, bucket_start(end_ns), _plain_counts(parts, records, words, end_ns))
    return general_contribution(records, words, end_ns)


def general_contribution(records: Sequence[Record], words: Sequence[Word], end_ns: int) -> Contribution:
    """What a trace of any shape comes to; `end_ns` is the latest start or end."""
    found = tree(records, words)
    return Contribution(owner(found), bucket_start(end_ns), _counts(found, end_ns))


def length_alone(agent_uuid: str, end_ns: int, spans: int) -> Contribution:
    """What a trace beyond its limit comes to."""
    return Contribution(agent_uuid, bucket_start(end_ns), {("traces",): 1, ("spans",): spans, ("overflowed",): 1})


def bucket_start(end_ns: int) -> int:
    """The start of the bucket that a trace with this end is counted in."""
    return end_ns - end_ns % BUCKET_NS


def _counts(found: Tree, end_ns: int) -> dict[Key, int]:
    counts = _sums(found.records, end_ns)
    _count_models([found.records[at] for at in found.leaf_llms], found.words, counts)
    calls = [at for at, record in enumerate(found.records) if record.kind == _TOOL and record.name]
    _count_tools([found.records[at] for at in calls], found.words, counts)
    lost = _count_failures(found, calls, counts) if found.failures else ()
    _count_endings(found, bool(lost), counts)
    for key, count in sequences.repetitions(found, calls):
        counts[key] += count
        if key[0] in _LOOPS:
            counts["looping_traces", key[1]] = 1
    return {key: count for key, count in counts.items() if count}


def _plain_counts(parts: Plain, records: Sequence[Record], words: Sequence[Word], end_ns: int) -> dict[Key, int]:
    """What `_counts` comes to for a plain trace."""
    counts = _sums(records, end_ns)
    _count_models(parts.models, words, counts)
    _count_tools(parts.calls, words, counts)
    counts["answerable",] = 1
    if records[0].ending != ANSWERED:
        counts["unanswered",] = 1
    return counts


def _sums(records: Sequence[Record], end_ns: int) -> _Sums:
    """What is counted of every trace."""
    counts: _Sums = defaultdict(int)
    counts["traces",] = 1
    counts["spans",] = len(records)
    kinds = [record.kind for record in records]
    for kind in set(kinds):
        counts[_SPANS_OF[kind]] = kinds.count(kind)
    if records:
        counts["trace_duration", bin_of(end_ns - records[0].start_ns)] = 1
    return counts


def _count_models(models: Sequence[Record], words: Sequence[Word], counts: _Sums) -> None:
    """Leaf LLM spans (coverage, truncated_output); wrappers repeat their tokens."""
    if not models:
        return
    inputs = outputs = told = cut = 0
    for record in models:
        inputs += record.first
        outputs += record.second
        counts["model_duration", str(words[record.model]), bin_of(record.end_ns - record.start_ns)] += 1
        ending = record.ending
        told += ending != SILENT
        cut += ending == CUT
    for key, count in zip(_OF_MODELS, (len(models), inputs, outputs, told, cut), strict=True):
        if count:
            counts[key] = count
    counts["trace_tokens", bin_of(inputs + outputs)] = 1


def _count_tools(calls: Sequence[Record], words: Sequence[Word], counts: _Sums) -> None:
    """Calls by tool: what unusable_tool, tool_error_rate and the detectors of repetitions count of."""
    made: dict[int, int] = {}
    told: dict[int, int] = {}
    for record in calls:
        number = record.name
        made[number] = made.get(number, 0) + 1
        if record.first:
            told[number] = told.get(number, 0) + 1
        counts["call_duration", str(words[number]), bin_of(record.end_ns - record.start_ns)] += 1
    for number, of_tool in made.items():
        name = str(words[number])
        counts["calls", name] = of_tool
        counts["calling_traces", name] = 1
    for number, of_tool in told.items():
        counts["told_calls", str(words[number])] = of_tool


def _count_failures(found: Tree, calls: list[int], counts: _Sums) -> set[int]:
    """Failures by signature (error_signatures) and by tool (unusable_tool, unrecovered_error); the unrecovered ones."""
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
    orphans = [found.records[at] for at, above in enumerate(found.parents) if above == NONE]
    roots = [record for record in orphans if record.parent_id == NO_PARENT]
    if not roots:
        counts["unrooted",] = 1
        counts["unrooted_broken",] = counts["broken",] = has_lost
        return
    hanging = sum([not root.end_ns for root in roots])
    counts["roots_not_ended",] = hanging
    if len(orphans) > len(roots):
        known = found.positions
        counts["parents_missing",] = len(orphans) - sum([each.parent_id in known for each in orphans]) - len(roots)
    counts["root_failed",] = any(map(has_failed, roots))
    counts["broken",] = has_lost or hanging > 0
    final = next((root for root in roots if root.kind == SpanKind.AGENT and root.end_ns), None)
    if final is not None:
        is_answered = final.ending == ANSWERED
        counts["answerable",] = 1
        counts["unanswered",] = not is_answered
        counts["unanswered_broken",] = not is_answered and counts["broken",] > 0
