"""What a span says of tools: the arguments of the call it carried out, and the tools it declares."""

import pytest

from domain.content import REDACTED, SpanContent
from domain.content_arguments import read_arguments
from domain.otlp import PlainValue
from tests.spans import make_span


def content(attributes: dict[str, PlainValue]) -> SpanContent:
    """The content of a span with these attributes."""
    return SpanContent(make_span(attributes=attributes))


@pytest.mark.parametrize(
    ("recorded", "parameters", "expected"),
    [
        ('{"args": [], "sanitize_inputs_outputs": true, "kwargs": {"": ""}}', None, {"": ""}),
        ('{"args": ["33"], "kwargs": {}}', '{"answer": {"type": "any"}}', {"answer": "33"}),
        ('{"args": [{"q": 1}], "kwargs": {}}', '{"q": {}, "r": {}}', {"q": 1}),
        ('{"args": [{"z": 1}], "kwargs": {}}', '{"properties": {"q": {}}}', {"q": {"z": 1}}),
        ('{"args": [1, 2], "kwargs": {"k": 3}}', "not json", {"*args": [1, 2], "k": 3}),
        ('{"args": 1, "kwargs": {}}', None, {"args": 1, "kwargs": {}}),
        ('{"kwargs": {}}', None, {"kwargs": {}}),
        ('{"city": "Paris"}', None, {"city": "Paris"}),
        ("", None, {}),
        ("null", None, {}),
    ],
)  # fmt: skip
def test_tool_arguments_are_taken_out_of_their_wrapper(
    recorded: str, parameters: str | None, expected: PlainValue
) -> None:
    """The argument of a smolagents call sits in kwargs; the wrapper's own keys are nobody's mistake."""
    attributes: dict[str, PlainValue] = {"input.value": recorded}
    if parameters is not None:
        attributes["tool.parameters"] = parameters
    found = content(attributes).arguments()

    assert found is not None
    assert read_arguments(found) == (expected, True)


@pytest.mark.parametrize(
    ("attributes", "promised"),
    [
        ({"input.value": "city=Paris"}, False),
        ({"input.value": "{cut", "input.mime_type": "application/json"}, True),
        ({"gen_ai.tool.call.arguments": "{cut"}, True),
    ],
)
def test_broken_json_counts_only_where_json_was_promised(attributes: dict[str, PlainValue], promised: bool) -> None:
    """A tool's input may be any text; calling that a broken argument would blame innocent calls."""
    recorded = content(attributes).arguments()

    assert recorded is not None
    assert (read_arguments(recorded).is_json, recorded.stated_json) == (False, promised)


def test_hidden_content_is_not_recorded_content() -> None:
    """OpenInference writes a mark where content is hidden; it is neither an argument nor a result."""
    found = content({"input.value": REDACTED, "output.value": REDACTED})

    assert (found.arguments(), found.result(), found.output_value()) == (None, None, None)


def test_an_agent_declares_its_tools_and_the_agents_it_manages() -> None:
    """smolagents names tools on the AGENT span only; plans speak of both tools and managed agents."""
    found = content(
        {
            "smolagents.tools_names": '["visualizer", "final_answer"]',
            "smolagents.managed_agents.0.name": "search_agent",
            "smolagents.managed_agents.0.description": "searches",
            "smolagents.max_steps": "12",
        }
    )

    assert set(found.declared_tools() or {}) == {"visualizer", "final_answer", "search_agent"}
    assert found.managed_agents() == ("search_agent",)


def test_tools_may_be_declared_by_name_alone() -> None:
    """Some converters know only names; that is enough to see a tool that does not exist."""
    found = content({"llm.tools.0.tool.name": "Bash", "llm.tools.1.tool.name": "Read"}).declared_tools() or {}

    assert {name: tool.schema for name, tool in found.items()} == {"Bash": None, "Read": None}


def test_no_tools_differ_from_an_empty_list_of_tools() -> None:
    """Whether a requested tool was declared can be said only where a list was recorded."""
    assert content({}).declared_tools() is None
    assert content({"gen_ai.tool.definitions": "[]"}).declared_tools() == {}
