"""Log records as span events: which are an agent's, and what becomes of name, body and attributes."""

from typing import Any

import pytest

from domain.content import SpanContent, exception_of
from domain.log_events import is_agent_event, names_a_span, span_event
from domain.otlp import KeyValue, LogRecord, PlainValue, Span, any_value, attributes


def record(event: str = "", body: PlainValue = None, /, **fields: Any) -> LogRecord:
    found = LogRecord(event_name=event, trace_id=b"t" * 16, span_id=b"s" * 8)
    if body is not None:
        found.body.CopyFrom(any_value(body))
    for key, value in fields.items():
        if key in ("trace_id", "span_id", "time_unix_nano", "observed_time_unix_nano", "dropped_attributes_count"):
            setattr(found, key, value)
        else:
            found.attributes.append(KeyValue(key=key.replace("__", "."), value=any_value(value)))
    return found


def said(found: LogRecord) -> dict[str, PlainValue]:
    """What the event says, without the mark that it was a record."""
    values = attributes(span_event(found))
    assert values.pop("halo.source") == "log"
    return values


def test_a_record_names_a_span_by_two_whole_ids() -> None:
    """Zeroes are how SDKs write "outside of any span"."""
    assert names_a_span(record())
    assert not names_a_span(record(trace_id=bytes(16)))
    assert not names_a_span(record(span_id=bytes(8)))
    assert not names_a_span(record(trace_id=b"t" * 8))
    assert not names_a_span(record(span_id=b""))


@pytest.mark.parametrize(
    ("found", "is_kept"),
    [
        (record("gen_ai.user.message"), True),
        (record("gen_ai.client.inference.operation.details"), True),
        (record("gen_ai.evaluation.result"), True),
        (record("exception"), True),
        (record("gen_ai.client.operation.exception"), True),
        (record("", "text", event__name="gen_ai.choice"), True),
        (record("", "text", exception__type="ValueError"), True),
        (record("", "text", gen_ai__system="openai"), True),
        (record("", "GET /health 200"), False),
        (record("session.start"), False),
        (record("", "text", http__status_code=200), False),
    ],
)
def test_an_agents_events_are_told_from_the_applications_log(found: LogRecord, is_kept: bool) -> None:
    """Whatever named them: the events API, an older SDK's attribute, or only what they carry."""
    assert is_agent_event(found) is is_kept


def test_the_keys_of_a_structured_body_become_attributes_and_the_records_own_win() -> None:
    """Events up to 1.36 have their content in the body; a key in both places must not be overwritten."""
    found = record("gen_ai.user.message", {"content": "hi", "role": "user"}, gen_ai__system="openai", role="mine")

    assert said(found) == {"gen_ai.system": "openai", "role": "mine", "content": "hi"}


@pytest.mark.parametrize(
    ("event", "body", "expected"),
    [
        ("gen_ai.user.message", "hello", {"content": "hello"}),
        ("gen_ai.choice", "the answer", {"message": "the answer"}),
        ("gen_ai.choice", '{"index": 0, "message": {"content": "x"}}', {"index": 0, "message": {"content": "x"}}),
        ("gen_ai.user.message", '{"broken', {"content": '{"broken'}),
        ("gen_ai.evaluation.result", "good", {"body": "good"}),
        ("gen_ai.user.message", ["a", "b"], {"content": ["a", "b"]}),
        ("exception", "it broke", {"body": "it broke"}),
    ],
)
def test_a_body_that_is_not_structured_is_found_under_a_key(
    event: str, body: PlainValue, expected: dict[str, PlainValue]
) -> None:
    """Bridges of logging libraries send text, or JSON as text."""
    assert said(record(event, body)) == expected


@pytest.mark.parametrize("body", ['{"a":' + "[" * 200 + "]" * 200 + "}", '{"half": "\\ud800"}'])
def test_a_body_that_protobuf_could_not_carry_stays_text(body: str) -> None:
    """The event is appended to the span's bytes, which must parse again."""
    event = span_event(record("gen_ai.user.message", body))

    assert attributes(event)["content"] == body
    assert Span.FromString(Span(events=[event]).SerializeToString()).events[0] == event


def test_an_exception_is_called_so_whatever_the_record_is_called() -> None:
    """Exceptions that moved from span events to log events are found where they always were."""
    for name in ("gen_ai.client.operation.exception", "exception", "", "app.crash"):
        span = Span(events=[span_event(record(name, exception__type="ValueError", exception__message="boom"))])
        assert exception_of(span) == ("ValueError", "boom")
    named = said(record("gen_ai.client.operation.exception", exception__type="ValueError"))
    assert named["event.name"] == "gen_ai.client.operation.exception"


def test_a_record_without_a_time_has_the_time_it_was_observed() -> None:
    """The data model lets a source leave its time out."""
    assert span_event(record("gen_ai.choice", time_unix_nano=5, observed_time_unix_nano=7)).time_unix_nano == 5
    assert span_event(record("gen_ai.choice", observed_time_unix_nano=7)).time_unix_nano == 7


def test_messages_of_both_generations_are_read_as_a_spans_content() -> None:
    """What arrived as records must reach the detectors like what arrived as attributes."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "42"}}
    old = SpanContent(Span(events=[span_event(record("gen_ai.choice", choice))]))
    parts = [{"type": "text", "content": "42"}]
    messages = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
    details = record("gen_ai.client.inference.operation.details", gen_ai__output__messages=messages)
    new = SpanContent(Span(events=[span_event(details)]))

    for content in (old, new):
        output = content.output()
        assert output is not None
        assert [message.text for message in output] == ["42"]
        assert content.finish_reason(output) == "stop"
