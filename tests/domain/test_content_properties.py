"""What holds for any content: reading never fails, order never matters, and what was cut off is read up to the cut."""

import json
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.content import SpanContent
from domain.content_bodies import history_of, messages_of
from domain.content_events import ROLES
from domain.content_fields import KNOWN
from domain.content_json import read_json
from domain.otlp import PlainValue, Span, any_value
from tests.dialects import DIALECTS
from tests.scenarios import Asked, Scenario, Step, spans
from tests.spans import make_span

_WORDS = [
    "type",
    "content",
    "parts",
    "name",
    "id",
    "function",
    "args",
    "kwargs",
    "arguments",
    "role",
    "message",
    "messages",
    "tool_calls",
    "choices",
    "candidates",
    "generations",
    "output",
    "input",
    "lc",
    "data",
    "tools",
    "functions",
    "config",
    "system_instruction",
    "function_call",
    "function_response",
    "function_declarations",
    "parameters",
    "properties",
    "event.name",
    "index",
    "finish_reason",
    "response",
    "result",
    "tool_call_id",
    "text",
    "server_tool_call",
    "thought",
    "value",
    "inputs",
    "input_str",
    "body",
    "object",
    "additional_kwargs",
    "response_metadata",
]
_TEXTS = st.sampled_from(
    [
        "text",
        "tool_call",
        "tool_call_response",
        "message",
        "reasoning",
        "response",
        "assistant",
        "tool",
        "user",
        "ai",
        "gen_ai.choice",
        "gen_ai.tool.message",
        "__REDACTED__",
        "{}",
        "[",
        "{'a': 1}",
        '"x"',
        "<not specified>",
        "",
    ]
) | st.text(max_size=6)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=4),
    max_leaves=12,
)
_CUT = st.tuples(_JSON.map(json.dumps), st.integers(0, 200)).map(lambda pair: pair[0][: pair[1]])
_VALUES = _JSON | _JSON.map(json.dumps) | _CUT | st.binary(max_size=4)
_NUMBERS = st.sampled_from(("0", "1", "10", "x", "", "99999999999"))
_FLAT = st.tuples(
    st.sampled_from(
        (
            "llm.input_messages.",
            "llm.output_messages.",
            "gen_ai.prompt.",
            "gen_ai.completion.",
            "llm.tools.",
            "llm.request.functions.",
            "smolagents.managed_agents.",
        )
    ),
    _NUMBERS,
    st.sampled_from(
        (
            ".role",
            ".content",
            ".message.content",
            ".message.role",
            ".message.tool_call_id",
            ".tool_calls.0.name",
            ".message.contents.0.message_content.type",
            ".message.contents.1.message_content.text",
            ".function_call.name",
            ".message.tool_calls.0.tool_call.function.arguments",
            ".tool.json_schema",
            ".name",
            ".parameters",
            "",
            ".",
        )
    ),
).map("".join)
_KEYS = st.sampled_from(sorted(KNOWN)) | _FLAT
_ATTRIBUTES = st.dictionaries(_KEYS, _VALUES, max_size=8)
_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            (*ROLES, "gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "exception", "log")
        ),
        st.dictionaries(
            st.sampled_from(_WORDS) | st.sampled_from(sorted(KNOWN)) | st.just("event.name"), _VALUES, max_size=4
        ),
    ),
    max_size=3,
)


def _span(attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]]) -> Span:
    span = make_span(attributes=attributes)
    for name, said in events:
        event = span.events.add(name=name)
        for key, value in said.items():
            event.attributes.add(key=key).value.CopyFrom(any_value(value))
    return span


def _everything(span: Span) -> list[object]:
    found = SpanContent(span)
    output = found.output()
    return [
        output,
        found.input_messages(),
        found.system_prompt(),
        sorted(found.declared_tools() or {}),
        found.managed_agents(),
        found.call_id(),
        found.arguments(),
        found.result(),
        found.finish_reason(output or ()),
        found.max_tokens(),
        found.input_value(),
        found.output_value(),
        sorted(found.answered_calls()),
    ]


@settings(deadline=None, max_examples=300)
@given(_ATTRIBUTES, _EVENTS)
def test_no_content_makes_reading_fail(attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]]) -> None:
    """Everything in a span is written by strangers; one odd span must not cost a report."""
    output, messages, *_ = _everything(_span(attributes, events))

    for one in (output, messages):
        assert one is None or all(isinstance(message.text, str) for message in one)  # type: ignore[attr-defined]


@settings(deadline=None, max_examples=150)
@given(_ATTRIBUTES, st.randoms(use_true_random=False))
@example({"llm.output_messages.0.message.role": "a", "llm.output_messages.0.role": "b"}, random.Random(1))
def test_the_order_of_attributes_never_matters(attributes: dict[str, Any], chance: random.Random) -> None:
    """SDKs keep attributes in maps; two runs of one program must read the same."""
    shuffled = list(attributes.items())
    chance.shuffle(shuffled)

    assert _everything(_span(dict(shuffled), [])) == _everything(_span(attributes, []))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_order_of_real_attributes_never_matters(dialect: str) -> None:
    """The same, on spans as the dialects write them."""
    calls = tuple(Asked(f"c{at}", f"tool_{at}", {"n": at}, f"r{at}") for at in range(12))
    tools: dict[str, dict[str, PlainValue]] = {f"tool_{at}": {"type": "object"} for at in range(12)}
    for span in spans(Scenario((Step("", calls, "tool_calls"), Step("done")), tools), DIALECTS[dialect], b"\x01" * 16):
        turned = Span.FromString(span.SerializeToString())
        del turned.attributes[:]
        turned.attributes.extend(reversed(span.attributes))
        assert _everything(turned) == _everything(span)


_CALL = {"type": "tool_call", "id": "c1", "name": "get", "arguments": {"city": "Paris", "days": [1, 2]}}
_HISTORY = [
    {"role": "user", "parts": [{"type": "text", "content": 'Weather "now"? \\ \u00e9 \n'}]},
    {"role": "assistant", "parts": [{"type": "text", "content": "Let me see."}, _CALL]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "21C"}]},
]


def test_a_history_is_read_up_to_any_cut() -> None:
    """Attribute limits cut anywhere: in words, escapes, keys, numbers; what stands before is still the conversation."""
    text = json.dumps(_HISTORY)
    whole = history_of(text)
    for end in range(len('[{"role": "user", "parts": [{"type": "text", "content": "W'), len(text)):
        messages = history_of(text[:end])
        assert messages
        assert whole[0].text.startswith(messages[0].text)
        assert [message.role for message in messages[:-1]] == [message.role for message in whole[: len(messages) - 1]]
        for message in messages:
            assert all(call.arguments in (None, whole[1].calls[0].arguments) for call in message.calls)


@pytest.mark.parametrize(("after", "words"), [("\\", "Weather "), ("\\u00", 'Weather "now"? \\ ')])
def test_a_cut_through_an_escape_keeps_the_words_before_it(after: str, words: str) -> None:
    """Half an escape is no character, and no reason to lose a page of text."""
    text = json.dumps(_HISTORY)

    assert history_of(text[: text.index(after) + len(after)])[0].text == words


def test_what_stands_before_a_cut_is_complete() -> None:
    """Only the part that the cut goes through may miss something."""
    text = json.dumps(_HISTORY)
    messages = history_of(text[: text.index("21C") + 1])

    assert messages[:2] == history_of(text)[:2]
    assert [result.text for result in messages[2].results] == ["2"]


@settings(deadline=None, max_examples=200)
@given(_JSON, st.integers(0, 400))
def test_cut_json_is_json_or_nothing(value: PlainValue, end: int) -> None:
    """A cut text gives a value of the same kind as the whole, or counts as text."""
    text = json.dumps(value)
    found = read_json(text[:end])

    assert found is None or found.is_cut or found.value == json.loads(text[:end])
    if found is not None and found.is_cut:
        assert type(found.value) is type(value)


@pytest.mark.parametrize(
    "text", ['{"a": 1} trailing', "[1, 2,, 3]" + " " * 20, '{"a": "\\d broken escape", "b": 1}', "{'a': 1, 'b': 2}"]
)
def test_broken_json_is_text(text: str) -> None:
    """Only what ends too early is mended; anything else was never JSON."""
    assert read_json(text) is None
    assert [message.text for message in messages_of(text)] == [text]
