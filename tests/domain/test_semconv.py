"""The span index: which attribute counts, in every dialect, and what odd values do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.otlp import KeyValue, Resource, Span, any_value
from domain.semconv import FIELDS, error_text, resource_index, span_index
from domain.spans import SpanIndex, SpanKind, SpanStatus

KEYS = [key for keys in FIELDS.values() for key in keys]
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.text(max_size=300),
        st.binary(max_size=9),
        st.text(alphabet="0123456789", min_size=1, max_size=40),
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


def index(attributes: dict[str, Any], **fields: Any) -> SpanIndex:
    span = Span(**fields)
    span.attributes.extend(KeyValue(key=key, value=any_value(value)) for key, value in attributes.items())
    return span_index(span, resource_index(Resource()), 7)


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"openinference.span.kind": "TOOL"}, SpanKind.TOOL),
        ({"openinference.span.kind": "llm"}, SpanKind.LLM),
        ({"inference.observation_kind": "AGENT", "openinference.span.kind": "LLM"}, SpanKind.AGENT),
        ({"gen_ai.operation.name": "execute_tool"}, SpanKind.TOOL),
        ({"gen_ai.operation.name": "invoke_agent"}, SpanKind.AGENT),
        ({"gen_ai.operation.name": "chat"}, SpanKind.LLM),
        ({"gen_ai.operation.name": "brew_coffee", "gen_ai.request.model": "m"}, SpanKind.UNKNOWN),
        ({"gen_ai.request.model": "m"}, SpanKind.LLM),
        ({"tool.name": "t", "llm.model_name": "m"}, SpanKind.TOOL),
        ({"openinference.span.kind": "SPAN"}, SpanKind.UNKNOWN),
        ({"openinference.span.kind": 3}, SpanKind.UNKNOWN),
        ({}, SpanKind.UNKNOWN),
    ],
)
def test_the_kind_is_read_in_every_dialect(attributes: dict[str, Any], kind: SpanKind) -> None:
    """Everything else rests on it: tokens are of LLM spans, tool rates of TOOL spans, scopes of AGENT spans."""
    assert index(attributes).kind is kind


@pytest.mark.parametrize(
    ("value", "count"), [(7, 7), (0, 0), (-1, None), (7.9, 7), ("12", 12), ("many", None), (True, None), (None, None)]
)
def test_token_counts_of_any_number_type_are_read(value: Any, count: int | None) -> None:
    """JavaScript emitters send doubles, some gateways strings."""
    assert index({"gen_ai.usage.input_tokens": value}).input_tokens == count


def test_of_several_keys_the_most_specific_one_that_holds_something_counts() -> None:
    """Instrumentations repeat facts in two dialects; an empty one must not hide the other."""
    found = index({"llm.model_name": "second", "gen_ai.response.model": "", "gen_ai.request.model": "first"})

    assert found.model == "first"


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6), st.integers(0, 2**64 - 1), st.text(max_size=300))
def test_no_attribute_value_breaks_the_index(attributes: dict[str, Any], time_ns: int, name: str) -> None:
    """One odd span must not cost the batch it came in; what is indexed is short text and small numbers."""
    row = index(attributes, name=name, start_time_unix_nano=time_ns, end_time_unix_nano=time_ns)
    texts = (row.name, row.agent_id, row.agent_name, row.session, row.provider, row.model, row.tool)

    assert all(text is None or (isinstance(text, str) and len(text) <= 200) for text in texts)
    assert all(text != "" for text in texts[1:])
    for count in (row.input_tokens, row.output_tokens):
        assert count is None or 0 <= count < 2**63
    assert (row.size_bytes, row.start_ns) == (7, time_ns)


def test_an_error_says_what_it_can_status_first_then_exception_then_type() -> None:
    """Without a text, errors of different causes would count as one."""
    span = Span(attributes=[KeyValue(key="error.type", value=any_value("timeout"))])
    found = [error_text(span)]
    event = span.events.add(name="exception")
    event.attributes.append(KeyValue(key="exception.message", value=any_value("boom")))
    event.attributes.append(KeyValue(key="exception.type", value=any_value("ValueError")))
    found.append(error_text(span))
    span.status.message = "status wins"
    found.append(error_text(span))

    assert found == ["timeout", "ValueError: boom", "status wins"]


def test_only_error_spans_have_a_template_and_a_zero_parent_is_none() -> None:
    """Some exporters write eight zero bytes for 'no parent' and messages for spans that succeeded."""
    span = Span(parent_span_id=bytes(8))
    span.status.message = "all good 12"
    fine = span_index(span, resource_index(Resource()), 0)
    span.status.code = 2  # type: ignore[assignment]
    failed = span_index(span, resource_index(Resource()), 0)

    assert (fine.error, fine.parent_id, fine.status) == (None, b"", SpanStatus.UNSET)
    assert (failed.error, failed.status) == ("all good <num>", SpanStatus.ERROR)


@pytest.mark.parametrize(
    ("parent_id", "kept"), [(b"12345678", b"12345678"), (b"1234567", b""), (b"123456789", b""), (b"1" * 16, b"")]
)
def test_a_parent_id_that_is_no_span_id_is_none(parent_id: bytes, kept: bytes) -> None:
    """Padded or cut it would name another span, or one that never was."""
    assert index({}, parent_span_id=parent_id).parent_id == kept


def test_json_is_only_opened_for_counts_that_no_attribute_says() -> None:
    """It may be long, and this runs for every span received."""
    details = {"langfuse.observation.usage_details": '{"input": 7, "output": 8}'}
    half = index({**details, "gen_ai.usage.input_tokens": 0})
    neither = index({**details, "mlflow.chat.tokenUsage": '{"input_tokens": 1, "output_tokens": 2}'})
    broken = index({"langfuse.observation.usage_details": "{", "mlflow.chat.tokenUsage": '{"output_tokens": 2}'})

    assert (half.input_tokens, half.output_tokens) == (0, 8)
    assert (neither.input_tokens, neither.output_tokens) == (7, 8)
    assert (broken.input_tokens, broken.output_tokens) == (None, 2)


def test_langfuse_level_is_the_status_of_a_span_that_has_none() -> None:
    """Errors of its SDKs would not be counted otherwise."""
    said = {"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "order 12 not found"}
    row = index(said)

    assert (row.status, row.error) == (SpanStatus.ERROR, "order <num> not found")
    assert index({"langfuse.observation.level": "WARNING"}).status is SpanStatus.UNSET


def test_a_resource_without_a_name_is_the_unknown_service() -> None:
    """As the resource conventions say; an empty name would make nameless agents."""
    named = Resource(attributes=[KeyValue(key="service.name", value=any_value("svc"))])

    assert resource_index(named).service == "svc"
    assert resource_index(Resource()).service == "unknown_service"
