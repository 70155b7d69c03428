"""What is kept of a span while it lands says the same of its content as what a report reads from its bytes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from analysis.facts import FactWindow, SpanFact, TraceFacts
from analysis.streaming.digesting import ANSWERED, CUT, KEYS, SILENT, WHOLE, SpanDigest, digest
from domain.otlp import KeyValue, Resource, Span
from domain.semconv import attributes_of, places_with, resource_index, span_index
from domain.spans import SpanKind, SpanStatus
from store.loading import LoadReport, read_trace_files
from tests.analysis.live import batch_numbers, digests, followed, request, stored, streamed_numbers
from tests.analysis.test_every_dialect import SCENARIOS
from tests.dialects import DIALECTS
from tests.scenarios import spans
from tests.spans import make_span

_HERE = resource_index(Resource())


def digest_of(span: Span) -> SpanDigest:
    """The digest of one span."""
    return digest(span_index(span, _HERE, 0), span, attributes_of(span, KEYS))


def tool_call(arguments: str = "", result: str = "") -> SpanDigest:
    """The digest of a TOOL span that promises JSON."""
    said = {"openinference.span.kind": "TOOL", "tool.name": "look", "input.mime_type": "application/json"}
    return digest_of(make_span(1, said | {"input.value": arguments, "output.value": result}))


def assert_alike(told: Iterable[SpanDigest], window: FactWindow) -> int:
    """Each digest is recorded where its fact is, equal where its fact is equal, and tells the same ending."""
    facts = {(fact.trace_id, fact.span_id): (fact, trace) for trace in window.traces for fact in trace.spans}
    arguments: dict[str, int] = {}
    results: dict[str, int] = {}
    seen = 0
    for each in told:
        fact, trace = facts[each.row.trace_id.hex(), each.row.span_id.hex()]
        assert arguments.setdefault(fact.arguments_hash, each.arguments) == each.arguments, fact
        assert results.setdefault(fact.result_hash, each.result) == each.result, fact
        assert each.ending == _ending(fact, trace), fact
        assert each.error_type == fact.error_type
        seen += 1
    for hashes in (arguments, results):
        assert hashes.get("", 0) == 0
        assert len(set(hashes.values())) == len(hashes), "two that differ must not be taken for one"
    return seen


def _ending(fact: SpanFact, trace: TraceFacts) -> int:
    if fact.kind is SpanKind.AGENT and not fact.parent_id:
        return ANSWERED if fact.output_chars else 0
    if fact.kind is not SpanKind.LLM or fact.status is SpanStatus.ERROR:
        return 0
    if fact.finish:
        return CUT if fact.finish == "length" else WHOLE
    if not fact.max_tokens or fact.output_tokens is None:
        return SILENT
    return CUT if fact.output_tokens >= fact.max_tokens else WHOLE


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_digested_as_it_is_read(dialect: str) -> None:
    """The quick way through a span of the usual shape must end where the thorough one does."""
    found = [
        span
        for number, scenario in enumerate(SCENARIOS.values(), 1)
        for span in spans(scenario, DIALECTS[dialect], number.to_bytes(16, "big"))
    ]
    told, window = digests([request(*found)]), stored([request(*found)])

    assert assert_alike(told, window) == len(found)
    assert streamed_numbers(followed(told)) == batch_numbers(window)


@pytest.mark.parametrize(
    "name",
    ["trail-dev.jsonl.xz", "claude_code_c4.spans.jsonl.gz", "halo/realistic_traces.jsonl.gz"],
)
def test_recorded_spans_are_digested_as_they_are_read(shared_data: Path, name: str) -> None:
    """Real content has wrappers, marks and texts cut short that no test would think of."""
    requests = list(read_trace_files([shared_data / "traces" / name], LoadReport()))

    assert assert_alike(digests(requests), stored(requests)) > 10


def test_the_index_hands_over_what_a_digest_asks_for() -> None:
    """A key that the index reads itself would be missing here; of two of one key the last counts."""
    told = dict.fromkeys(KEYS, "x")
    span = make_span(1, told)
    span.attributes.add(key="input.value").value.string_value = "y"
    said: dict[str, KeyValue] = {}

    row = span_index(span, _HERE, 0, places_with(KEYS), said)

    assert said.keys() == KEYS
    assert said == attributes_of(span, KEYS)
    assert said["input.value"].value.string_value == "y"
    assert row == span_index(span, _HERE, 0)


def test_arguments_are_equal_when_their_json_is() -> None:
    """A model writes the same call with other blanks and another order of keys."""
    one = tool_call('{"a": 1, "b": [true]}')
    two = tool_call('{ "b":[true],"a":1 }')
    other = tool_call('{"a": 1.0, "b": [true]}')

    assert one.arguments == two.arguments != 0
    assert one.arguments != other.arguments


@pytest.mark.parametrize(("first", "second"), [("1", "true"), ("1", "1.0"), ("null", '"None"'), ("0", "false")])
def test_values_that_python_takes_for_equal_are_told_apart(first: str, second: str) -> None:
    """In JSON 1, 1.0 and true are three things, and a call with each is another call."""
    calls = [tool_call(f'{{"a": {value}}}').arguments for value in (first, second)]

    assert calls[0] != calls[1]


def test_a_hidden_result_is_none() -> None:
    """Two results that an emitter took out are not two equal results."""
    assert tool_call(result="__REDACTED__").result == 0
    assert tool_call(result="gone").result != 0


@pytest.mark.parametrize("shape", ["[" * 100_000, '{"a":' * 5_000, "\x00", "{" + " " * 50_000 + "}", '"'])
def test_content_of_any_shape_is_digested(shape: str) -> None:
    """What raises here would cost the whole request its place in the live counts."""
    kinds: Sequence[str] = ("TOOL", "LLM", "AGENT", "")
    for kind in kinds:
        keys = ("input.value", "output.value", "llm.invocation_parameters", "gen_ai.output.messages")
        said = dict.fromkeys(keys, shape) | {"openinference.span.kind": kind, "input.mime_type": "application/json"}
        for error in (None, shape[:1_000]):
            assert digest_of(make_span(1, said, error=error)).row.span_id
