"""Two calls' histories are compared message by message, whatever dialect holds them, and cheaply where they repeat."""

import json
from collections.abc import Callable, Sequence

import pytest

from domain.content import SpanContent
from domain.content_histories import History
from domain.otlp import PlainValue
from tests.spans import make_span

Said = Sequence[tuple[str, str]]
_START: Said = (("system", "Be brief."), ("user", "Weather?"))
_LATER: Said = (*_START, ("assistant", "Let me look."), ("tool", "21C"))


def _flat(prefix: str, middle: str) -> Callable[[Said], dict[str, PlainValue]]:
    def attributes(said: Said) -> dict[str, PlainValue]:
        found: dict[str, PlainValue] = {"llm.token_count.prompt": len(said)}
        for at, (role, text) in enumerate(said):
            found |= {f"{prefix}{at}{middle}.role": role, f"{prefix}{at}{middle}.content": text}
        return found

    return attributes


def _parts(said: Said) -> list[PlainValue]:
    return [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in said]


def _plain(said: Said) -> list[PlainValue]:
    return [{"role": role, "content": text} for role, text in said]


DIALECTS: dict[str, Callable[[Said], dict[str, PlainValue]]] = {
    "OpenInference": _flat("llm.input_messages.", ".message"),
    "OpenLLMetry, older": _flat("gen_ai.prompt.", ""),
    "GenAI": lambda said: {"gen_ai.input.messages": json.dumps(_parts(said))},
    "GenAI, structured": lambda said: {"gen_ai.input.messages": _parts(said)},
    "GenAI, indented": lambda said: {"gen_ai.input.messages": json.dumps(_parts(said), indent=2)},
    "Vercel AI SDK": lambda said: {"ai.prompt.messages": json.dumps(_plain(said))},
    "a request": lambda said: {"gen_ai.prompt": json.dumps({"model": "m", "messages": _plain(said)})},
}


def content(attributes: dict[str, PlainValue]) -> SpanContent:
    """The content of an LLM span."""
    return SpanContent(make_span(1, {"openinference.span.kind": "LLM", **attributes}))


def history(attributes: dict[str, PlainValue], before: History | None = None) -> History:
    """A history that was recorded."""
    found = content(attributes).history(before)
    assert found is not None
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_history_that_grows_keeps_all_of_the_one_before(dialect: str) -> None:
    """The healthy case, and the common one: every turn repeats the turns before it."""
    told = DIALECTS[dialect]
    first = history(told(_START))
    second = history(told(_LATER), first)

    assert (len(first), len(second), second.kept(first)) == (2, 4, 2)
    assert [message.role for message in second.messages()] == ["system", "user", "assistant", "tool"]
    assert second.kept(second) == 4


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_message_that_broke_the_prefix_is_named(dialect: str) -> None:
    """A clock in the system prompt costs the provider's cache at every call; its role tells whose message it is."""
    told = DIALECTS[dialect]
    first = history(told(_LATER))
    clock = history(told((("system", "It is 12:01."), *_LATER[1:])), first)
    reworded = history(told((*_LATER[:2], ("assistant", "I look."), _LATER[3])), first)

    assert (clock.kept(first), clock.role(0)) == (0, "system")
    assert (reworded.kept(first), reworded.role(2)) == (2, "assistant")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_history_that_was_cut_is_shorter_and_differs_nowhere(dialect: str) -> None:
    """Truncation leaves a prefix: nothing was changed, something is gone."""
    told = DIALECTS[dialect]
    first = history(told(_LATER))
    cut = history(told(_START), first)

    assert (len(cut), cut.kept(first), cut.role(2)) == (2, 2, "")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_history_counts_what_the_content_reads(dialect: str) -> None:
    """The quick way and the thorough way must not disagree."""
    attributes = DIALECTS[dialect](_LATER)

    assert len(history(attributes)) == len(content(attributes).input_messages() or ())


def test_instructions_beside_the_messages_are_the_first_message() -> None:
    """GenAI keeps the system prompt apart; a change there breaks the prefix as well."""
    told = DIALECTS["GenAI"](_START[1:])
    first = history({"gen_ai.system_instructions": '[{"type": "text", "content": "Be brief."}]', **told})
    same = history({"gen_ai.system_instructions": '[{"type": "text", "content": "Be brief."}]', **told}, first)
    other = history({"gen_ai.system_instructions": '[{"type": "text", "content": "Be long."}]', **told}, first)

    assert (len(first), same.kept(first), other.kept(first), other.role(0)) == (2, 2, 0, "system")


def test_a_message_that_gained_a_part_is_another_message() -> None:
    """Attributes that begin alike are not messages that are alike."""
    first = history({"llm.input_messages.0.message.role": "user"})
    grown = history({"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Hi"}, first)

    assert grown.kept(first) == 0


def test_the_order_of_attributes_means_nothing() -> None:
    """Some exporters sort their keys as text, so message 10 stands before message 2."""
    said = [("user", f"question {at}") for at in range(12)]
    ordered = DIALECTS["OpenInference"](said)
    first = history(ordered)
    sorted_ = history(dict(sorted(ordered.items())), first)

    assert (len(sorted_), sorted_.kept(first)) == (12, 12)


def test_a_history_of_another_shape_shares_nothing() -> None:
    """An agent that changes its instrumentation between two calls is not an agent that forgets: nothing is kept."""
    first = history(DIALECTS["OpenInference"](_START))

    assert history(DIALECTS["GenAI"](_START), first).kept(first) == 0


def test_nothing_recorded_is_no_history() -> None:
    """Capture is often off."""
    assert content({}).history() is None


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '[{"role": "user"}' + "," * 50_000, '{"a":' * 5_000, "[[]]", '[{"role": "us', "]", "[1, 2]"]
)
def test_broken_histories_are_read_as_far_as_they_go(text: str) -> None:
    """Hostile and truncated text never raises, alone or after another."""
    before = history({"gen_ai.input.messages": json.dumps(_parts(_START))})
    for found in (content({"gen_ai.input.messages": text}).history(before), before):
        assert found is None or len(list(found.messages())) == len(found)


def test_a_huge_request_in_the_emitters_own_shape_is_left_unread() -> None:
    """What would cost seconds counts as not recorded."""
    assert (
        content({"input.value": json.dumps({"messages": [{"role": "user", "content": "x" * 2_000_000}]})}).history()
        is None
    )
