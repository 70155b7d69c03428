"""Which texts are refusals, and which only sound like one."""

import pytest

from engine.llm.refusals import FILTERED, MAX_REFUSAL_CHARS, refusal_of


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that request.",
        "I’m sorry, but I cannot help with this.",
        "  Sorry, I'm unable to help with that.",
        "I can't comply with that.",
        "I must decline.",
    ],
)
def test_a_short_text_that_opens_like_a_refusal_is_one(text: str) -> None:
    """Endpoints without a field for refusals send them as text."""
    assert refusal_of("", text, has_tool_calls=False, finish="stop") == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The tool answered: I'm sorry, but I can't help with that.",
        "I cannot confirm that the search tool ever succeeded: 0 of 41 calls did.",
        "I'm sorry, but the data show a regression.",
        "I can't help with" + " that, but here is what I found." * 20,
    ],
)
def test_an_answer_that_only_sounds_like_one_is_none(text: str) -> None:
    """An answer taken for a refusal is lost."""
    assert refusal_of("", text, has_tool_calls=False, finish="stop") == ""


def test_a_model_that_acts_has_not_refused() -> None:
    """Its words beside a tool call are about the next step."""
    assert refusal_of("", "I can't do that. Let me look first.", has_tool_calls=True, finish="tool_calls") == ""


def test_a_structured_refusal_needs_no_opening() -> None:
    """The endpoint knows best."""
    assert refusal_of("Nope.", "x" * (MAX_REFUSAL_CHARS + 1), has_tool_calls=True, finish="stop") == "Nope."


def test_a_filtered_answer_is_a_refusal_even_without_words() -> None:
    """An empty text would look like a model that has nothing to say."""
    assert refusal_of("", "", has_tool_calls=False, finish="content_filter") == FILTERED
