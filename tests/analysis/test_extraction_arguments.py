"""A call's arguments are held against what its tool declares, and every mistake has one short name."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.arguments import ArgumentFacts, argument_facts, looks_cut
from analysis.schemas import declaration
from domain.content_arguments import RecordedArguments
from domain.content_tools import DeclaredTool, tools_of

_SEARCH: dict[str, Any] = {
    "type": "object",
    "properties": {
        "query": {"type": "string"},
        "limit": {"type": "integer", "minimum": 1},
        "sort": {"enum": ["new", "old"]},
        "year": {"type": "string", "nullable": True},
        "any": {"type": "any"},
        "filter": {"$ref": "#/$defs/filter"},
        "tag": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "pattern": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["query"],
    "$defs": {
        "filter": {
            "type": "object",
            "properties": {"site": {"type": "string"}},
            "required": ["site"],
            "additionalProperties": False,
        }
    },
}


def tool(schema: Any) -> DeclaredTool:
    """A tool with this schema."""
    (found,) = tools_of(json.dumps({"name": "t", "parameters": schema}))
    return found


def problem(schema: Any, arguments: Any) -> str:
    """What is wrong with these arguments."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return argument_facts(RecordedArguments(text), tool(schema)).problem


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"query": "x"}, ""),
        ({"query": "x", "limit": 3, "sort": "new", "year": None, "any": [1], "tag": None, "pattern": ["a"]}, ""),
        ({"query": "x", "filter": {"site": "a"}}, ""),
        ({}, "missing: query"),
        ({"q": "x"}, "missing: query"),
        ({"query": "x", "page": 2}, "unexpected: page"),
        ({"query": "x", "": ""}, 'unexpected: ""'),
        ({"query": "x", "https://a.example/b": 1}, "unexpected: <url>"),
        ({"query": "x", "zebra": 1, "ape": 1}, "unexpected: ape"),
        ({"query": 5}, "wrong type: query"),
        ({"query": "x", "limit": "3"}, "wrong type: limit"),
        ({"query": "x", "limit": 0}, "invalid value: limit"),
        ({"query": "x", "sort": "odd"}, "invalid value: sort"),
        ({"query": "x", "tag": 5}, "wrong type: tag"),
        ({"query": "x", "pattern": [1]}, "wrong type: pattern"),
        ({"query": "x", "filter": {}}, "missing: filter.site"),
        ({"query": "x", "filter": {"site": "a", "zone": 1}}, "unexpected key in: filter"),
        ("", "missing: query"),
        ("null", "missing: query"),
        ('{"query": "x"', "not JSON"),
        ('"x"', "not an object"),
        ("[1]", "not an object"),
    ],
)
def test_each_mistake_has_one_name(arguments: Any, expected: str) -> None:
    """Problems are counted by their text: it may name the key, never the value."""
    assert problem(_SEARCH, arguments) == expected


@pytest.mark.parametrize(
    ("schema", "arguments", "expected"),
    [
        ({"type": "object", "properties": {}}, {"x": 1}, "unexpected: x"),
        ({"type": "object", "properties": {}}, "", ""),
        ({"type": "object"}, {"x": 1}, ""),
        ({}, {"x": 1}, ""),
        ({"properties": {}, "additionalProperties": True}, {"x": 1}, ""),
        ({"properties": {}, "additionalProperties": {"type": "string"}}, {"x": 1}, "wrong type: x"),
        ({"properties": {}, "additionalProperties": False}, {"x": 1}, "unexpected: x"),
        ({"properties": {}, "anyOf": [{"properties": {"x": {}}}]}, {"x": 1}, ""),
        ({"properties": {}, "patternProperties": {"^x": {}}}, {"x": 1}, ""),
        ({"type": "dict", "properties": {"x": {"type": "str"}}}, {"x": 1}, "wrong type: x"),
        ({"properties": {"x": {"type": ["int", "none"]}}}, {"x": "1"}, "wrong type: x"),
        ({"properties": {"x": {"type": "image"}}}, {"x": 1}, ""),
    ],
)
def test_a_tool_accepts_no_other_keys_unless_it_says_so(schema: Any, arguments: Any, expected: str) -> None:
    """Declarations rarely say additionalProperties: false, but tools fail on unknown keys all the same."""
    assert problem(schema, arguments) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"x": {"$ref": "http://127.0.0.1:9/schema"}}, "required": ["y"]},
        {"properties": {"x": {"$ref": "#/nowhere"}}, "required": ["y"]},
        {"properties": {"x": {"$ref": "#/properties/x"}}, "required": ["y"]},
        {"properties": {"x": {"minimum": "low"}}, "required": ["y"]},
        {"properties": {"x": {"type": 5, "items": "all"}}, "required": ["y", 5]},
        {"properties": {"x": {"pattern": "(a+)+$"}}, "required": ["y"]},
        {"properties": {"x": {"exclusiveMinimum": True}}, "required": ["y"]},
    ],
)
def test_a_broken_or_hostile_schema_says_nothing_against_a_call(schema: Any) -> None:
    """Its top level is still checked; what cannot be judged is no mistake, takes no time and calls nobody."""
    schema["properties"]["y"] = {}

    assert problem(schema, {"x": "a" * 40 + "!", "y": 1}) == ""
    assert problem(schema, {"x": 1}) == "missing: y"


def test_references_that_double_their_work_are_not_followed() -> None:
    """Thirty definitions that each mention the next one twice would be a billion visits."""
    definitions: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}
    schema = {"properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": {**definitions, "d30": {"type": "string"}}}

    assert problem(schema, {"x": 1}) == ""


def test_a_schema_is_compiled_once() -> None:
    """The same tools stand on every LLM span of every turn."""
    assert declaration(tool(_SEARCH)) is declaration(tool(dict(reversed(_SEARCH.items()))))


def test_arguments_cut_by_an_exporter_are_not_called_broken() -> None:
    """Attribute limits cut long values at round lengths; the model wrote them whole."""
    text = '{"query": "' + "x" * 10_000

    assert looks_cut(text[:4096])
    assert argument_facts(RecordedArguments(text[:4096]), tool(_SEARCH)).problem == ""
    assert argument_facts(RecordedArguments(text[:4099]), tool(_SEARCH)).problem == "not JSON"


def test_arguments_without_a_declaration_are_only_described() -> None:
    """No declaration, no judgement."""
    found = argument_facts(RecordedArguments('{"b": 1, "a": 2}'), None)

    assert (found.keys, found.problem, found.chars) == ('["a","b"]', "", 16)
    assert argument_facts(None, tool(_SEARCH)) == ArgumentFacts("", "", "", None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "required", "items", "anyOf", "$ref", "enum", "x", "additionalProperties"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["type", "properties", "required", "anyOf", "$ref", "nullable"]), _JSON), _JSON)
def test_no_schema_and_no_arguments_make_the_check_fail(schema: Any, arguments: Any) -> None:
    """Both are written by strangers."""
    found = problem(schema, arguments)

    assert found == "" or len(found) < 200
