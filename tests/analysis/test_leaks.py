"""A call that stands as text is found by the name of a tool that was offered."""

import pytest

from analysis.leaks import leaked_call

_TOOLS = ("find_order", "Bash")


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "find_order", "arguments": {"order_id": "A-1"}}\n</tool_call>',
        'I will look.\n<function=find_order>{"order_id": "A-1"}</function>',
        '<function_calls><invoke name="find_order"><parameter name="order_id">A-1',
        'Sure: {"name": "find_order", "arguments": "{}"}',
        '[{"type": "function", "function": {"name": "find_order", "arguments": "{}"}}]',
        '```json\n{"tool": "find_order", "parameters": {"order_id": "A-1"}}\n```',
        "<tool_call>find_order({})",
    ],
)
def test_a_call_in_any_formats_words_is_found(text: str) -> None:
    """Every server has its own; what they share is the tool's name beside arguments."""
    assert leaked_call(text, _TOOLS) == "find_order"


@pytest.mark.parametrize(
    "text",
    [
        "I looked with find_order and found nothing.",
        '{"name": "get_weather", "arguments": {}}',
        "<function=get_weather>{}</function>",
        '{"name": "find_order"}',
        '{"name": "find_order", "order": 1}',
        'Pass "arguments" to find_order as {"name": "Ada"}.',
        "",
    ],
)
def test_other_text_is_no_call(text: str) -> None:
    """Documentation, other tools, and JSON that is data."""
    assert leaked_call(text, _TOOLS) == ""


def test_nothing_leaks_where_nothing_was_offered() -> None:
    """Without declared tools an answer about calls is an answer about calls."""
    assert leaked_call('{"name": "find_order", "arguments": {}}', ()) == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "find_order", "arguments": ' * 100_000,
        '{"name":' * 200_000 + '"arguments"',
        "<tool_call>" * 200_000,
        "<invoke name=" * 200_000 + '"arguments" {',
        "[" * 500_000 + '{"arguments"',
    ],
)
def test_hostile_text_is_read_a_bounded_number_of_times(text: str) -> None:
    """Broken JSON is tried at few places, in a bounded beginning."""
    assert leaked_call(text, _TOOLS) in ("", "find_order")
