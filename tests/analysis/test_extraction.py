"""A trace's facts are what its spans recorded, related to each other."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.error_types import error_type
from analysis.extraction import trace_facts
from analysis.facts import RequestedCall, SpanFact, TraceFacts
from domain.content import RecordedException
from domain.otlp import PlainValue, Span
from domain.spans import SpanKind, SpanStatus
from tests.analysis.stored import one_trace
from tests.spans import START_NS, add_exception, make_span

_AGENT = {"openinference.span.kind": "AGENT"}
_SCHEMA = (
    '{"type": "function", "function": {"name": "page_down", "parameters": '
    '{"type": "object", "properties": {}, "required": []}}}'
)


def facts(*spans: Span) -> TraceFacts:
    """The facts of a trace of these spans."""
    return trace_facts(one_trace(*spans))


def fact(*spans: Span) -> SpanFact:
    """The fact of the last of these spans."""
    return facts(*spans).spans[-1]


def llm(number: int, attributes: Mapping[str, PlainValue], *, parent: int = 0, at: float = 0.0) -> Span:
    """An LLM span of one second."""
    return make_span(
        number, {"openinference.span.kind": "LLM", **attributes}, parent=parent, start_s=at, end_s=at + 1, name="llm"
    )


def tool(
    number: int, attributes: Mapping[str, PlainValue], *, parent: int = 0, at: float = 0.0, error: str | None = None
) -> Span:
    """A TOOL span of one second."""
    kind: dict[str, PlainValue] = {"openinference.span.kind": "TOOL", **attributes}
    return make_span(number, kind, parent=parent, start_s=at, end_s=at + 1, name="tool", error=error)


def asking(name: str, arguments: str | None, call_id: str = "") -> dict[str, PlainValue]:
    """The attributes of an answer that asks for one call."""
    prefix = "llm.output_messages.0.message.tool_calls.0.tool_call"
    found: dict[str, PlainValue] = {f"{prefix}.function.name": name, f"{prefix}.id": call_id}
    return found if arguments is None else {**found, f"{prefix}.function.arguments": arguments}


def test_a_failing_call_is_told_whole() -> None:
    """The finding that one of the real data sets hinges on, in one trace: a tool that no argument fits."""
    agent = make_span(1, {**_AGENT, "agent.name": "researcher"}, end_s=9, name="run")
    call = llm(
        2,
        {
            "llm.model_name": "o3-mini",
            "llm.token_count.prompt": "4226",
            "llm.token_count.completion": 31,
            "llm.tools.0.tool.json_schema": _SCHEMA,
            "llm.invocation_parameters": '{"max_completion_tokens": 8192}',
            "llm.output_messages.0.message.role": "assistant",
            **asking("page_down", '{"": ""}', "c1"),
        },
        parent=1,
    )
    failed = add_exception(
        tool(
            3,
            {"tool.name": "page_down", "input.value": '{"args": [], "kwargs": {"": ""}}'},
            parent=1,
            at=1,
            error="TypeError: forward() got an unexpected keyword argument ''",
        ),
        "TypeError",
        "forward() got an unexpected keyword argument ''",
    )
    _, asked, done = facts(agent, call, failed).spans

    assert (asked.kind, asked.model, asked.input_tokens, asked.output_tokens) == (SpanKind.LLM, "o3-mini", 4226, 31)
    assert (asked.leaf_llm, asked.max_tokens, asked.output_chars, asked.agent) == (True, 8192, 0, "researcher")
    assert asked.requested == (RequestedCall("c1", "page_down", done.arguments_hash, 'unexpected: ""', True),)
    assert (done.scope_id, done.issuer_id, done.parent_id) == (asked.scope_id, asked.span_id, asked.parent_id)
    assert (done.tool, done.argument_keys, done.arguments_problem) == ("page_down", '[""]', 'unexpected: ""')
    assert (done.status, done.leaf_error, done.error_type) == (SpanStatus.ERROR, True, "TypeError")
    assert done.error_template == "TypeError: forward() got an unexpected keyword argument <str>"
    assert (done.service, done.start_ns, done.duration_s) == ("service", START_NS + 1_000_000_000, 1.0)
    assert (done.result_chars, done.result_hash, done.parent_missing) == (None, "", False)


def test_equal_arguments_have_equal_hashes_however_they_are_written() -> None:
    """Repeats are found by hash: order and spaces are no difference, values are."""
    written = ['{"b": 1, "a": [2]}', '{"a":[2],"b":1}', '{"a": [2], "b": "1"}']
    one, two, three = (fact(tool(1, {"tool.name": "t", "input.value": text})) for text in written)

    assert one.arguments_hash == two.arguments_hash != three.arguments_hash
    assert one.argument_keys == two.argument_keys == '["a","b"]'


def test_arguments_that_are_no_json_are_hashed_as_text() -> None:
    """A tool that takes plain text can repeat itself too."""
    one, two = (fact(tool(1, {"tool.name": "t", "input.value": text})) for text in ("weather", "time"))

    assert one.arguments_hash != two.arguments_hash
    assert (one.argument_keys, one.arguments_problem, one.arguments_chars) == ("", "", 7)


def test_a_schema_is_found_in_the_scope_but_not_in_another_agents_scope() -> None:
    """Two agents may each have a tool of one name and another schema."""
    arguments: dict[str, PlainValue] = {"tool.name": "page_down", "input.value": '{"x": 1}'}
    inner = make_span(2, _AGENT, parent=1, start_s=1, end_s=9)
    spans = [
        make_span(1, _AGENT, end_s=10),
        inner,
        llm(3, {"llm.tools.0.tool.json_schema": _SCHEMA}, parent=2, at=2),
        tool(4, arguments, parent=2, at=4),
        tool(5, arguments, parent=1, at=5),
    ]
    found = facts(*spans).spans

    assert [one.arguments_problem for one in found[3:]] == ["unexpected: x", ""]


def test_a_requested_tool_is_declared_when_any_span_of_the_scope_declares_it() -> None:
    """Deferred tools are listed on some spans only; a call without any list cannot be judged."""
    spans = [
        llm(1, {"llm.tools.0.tool.json_schema": _SCHEMA}),
        llm(2, {"llm.tools.0.tool.name": "other", **asking("page_down", "{}")}, at=2),
        llm(3, {"llm.tools.0.tool.name": "other", **asking("LS", "{}")}, at=4),
        llm(4, asking("LS", "{}"), at=6),
    ]
    declared = [call.declared for one in facts(*spans).spans for call in one.requested]

    assert declared == [True, False, None]


def test_output_that_was_not_recorded_has_no_length() -> None:
    """Zero characters is a finding; no recording is none."""
    spans = [
        llm(1, {}),
        llm(2, {"llm.output_messages.0.message.content": "__REDACTED__"}, at=1),
        llm(3, {"llm.output_messages.0.message.content": ""}, at=2),
        llm(4, {"gen_ai.output.messages": "[]"}, at=3),
        llm(5, {"output.value": "four"}, at=4),
        make_span(6, _AGENT, start_s=5),
        make_span(7, {**_AGENT, "output.value": None}, start_s=6),
        make_span(8, {**_AGENT, "output.value": "null"}, start_s=7),
        make_span(9, {**_AGENT, "output.value": "done"}, start_s=8),
        make_span(10, {"openinference.span.kind": "CHAIN", "output.value": "step"}, start_s=9),
    ]

    assert [one.output_chars for one in facts(*spans).spans] == [None, None, 0, 0, 4, None, 0, 0, 4, None]


def test_answered_calls_are_reported_once_in_a_scope() -> None:
    """Histories repeat every answer in every turn; facts must not grow with the square of the turns."""
    history = {f"llm.input_messages.{at}.message.tool_call_id": f"c{at}" for at in range(3)}
    spans = [
        llm(1, dict(list(history.items())[:2])),
        llm(2, dict(history), at=2),
    ]

    assert [one.answered_calls for one in facts(*spans).spans] == [("c0", "c1"), ("c2",)]


def test_a_plan_names_its_tools_only_where_it_calls_none() -> None:
    """A numbered text beside a call is an explanation, not a plan left lying."""
    plan: dict[str, PlainValue] = {
        "llm.output_messages.0.message.content": "1. Use web_search\n2. Ask search_agent\n3. final_answer"
    }
    agent = {
        **_AGENT,
        "smolagents.tools_names": '["web_search", "visit_page", "final_answer"]',
        "smolagents.managed_agents.0.name": "search_agent",
    }
    spans = [
        make_span(1, agent, end_s=9),
        llm(2, plan, parent=1, at=1),
        llm(3, {**plan, **asking("web_search", "{}")}, parent=1, at=3),
    ]

    assert [one.plan_tools for one in facts(*spans).spans] == [(), ("search_agent", "web_search"), ()]


def test_an_unnamed_sub_agent_has_the_name_its_caller_knows_it_by() -> None:
    """smolagents does not name the sub-agent's span; "search_agent was never called" must still be answerable."""
    managed = {f"smolagents.managed_agents.{at}.name": name for at, name in enumerate(("writer", "searcher"))}
    spans = [
        make_span(1, {**_AGENT, "agent.name": "boss", **managed}, end_s=20),
        make_span(2, {**_AGENT, "input.value": "You're a helpful agent named 'searcher'."}, parent=1, start_s=1),
        llm(3, {}, parent=2, at=2),
        make_span(4, {**_AGENT, "input.value": "unknown"}, parent=1, start_s=4),
        make_span(5, {**_AGENT, "agent.name": "own"}, parent=1, start_s=5),
        tool(6, {"tool.name": "t"}, parent=1, at=6),
    ]

    assert [one.agent for one in facts(*spans).spans] == ["boss", "searcher", "searcher", "boss", "own", "boss"]


def test_a_trace_without_a_named_agent_works_for_its_service() -> None:
    """The window names such a trace's agent by its service, and facts must agree with the window."""
    found = facts(make_span(1, _AGENT), llm(2, {}, parent=1))

    assert [one.agent for one in found.spans] == [found.agent, found.agent] == ["service", "service"]


def test_a_tool_span_without_a_tool_name_is_known_by_its_own() -> None:
    """GenAI names the span "execute_tool {tool}" whether or not the attribute is there."""
    genai = make_span(1, {"gen_ai.operation.name": "execute_tool"}, name="execute_tool lookup")

    assert fact(genai).tool == "lookup"
    assert fact(tool(1, {})).tool == "tool"


def test_only_a_parent_that_is_not_there_is_missing() -> None:
    """A root has no parent to miss; a circle of parents is odd, but nothing is missing."""
    spans = [make_span(1), make_span(2, parent=1), make_span(3, parent=99), make_span(4, parent=4)]

    assert [one.parent_missing for one in facts(*spans).spans] == [False, False, True, False]


def test_genai_attributes_give_the_same_facts() -> None:
    """The current OpenTelemetry conventions are no second-class dialect."""
    schema: list[PlainValue] = [
        {"type": "function", "name": "t", "parameters": {"properties": {"q": {"type": "string"}}}}
    ]
    answer: list[PlainValue] = [
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "t", "arguments": {"q": 1}}]}
    ]
    call = make_span(
        1,
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.usage.input_tokens": 59,
            "gen_ai.tool.definitions": schema,
            "gen_ai.output.messages": answer,
            "gen_ai.response.finish_reasons": ["Length"],
            "gen_ai.request.max_tokens": 64,
        },
    )
    done = make_span(
        2,
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "t",
            "gen_ai.tool.call.id": "c",
            "gen_ai.tool.call.arguments": '{"q":1}',
            "gen_ai.tool.call.result": "none",
        },
        start_s=2,
        end_s=3,
    )
    asked, ran = facts(call, done).spans

    assert (asked.finish, asked.max_tokens, asked.declared_tools, asked.input_tokens) == ("length", 64, ("t",), 59)
    assert asked.requested == (RequestedCall("c", "t", ran.arguments_hash, "wrong type: q", True),)
    assert (ran.call_id, ran.issuer_id, ran.arguments_problem) == ("c", asked.span_id, "wrong type: q")
    assert (ran.result_chars, len(ran.result_hash)) == (4, 16)


@pytest.mark.parametrize(
    ("exception", "text", "attribute", "expected"),
    [
        (("smolagents.utils.AgentExecutionError", "x"), "AgentExecutionError: x", "", "AgentExecutionError"),
        (("", ""), "ValueError: boom", "500", "ValueError"),
        (None, "Traceback (most recent call last):\n  raise\nlib.errors.RateLimitError: slow", "", "RateLimitError"),
        (
            ("AgentGenerationError", "y"),
            "AgentGenerationError: failed:\nlitellm.RateLimitError: z",
            "",
            "RateLimitError",
        ),
        (("CodeError", "y"), "CodeError: at line\nValueError: in quoted code", "", "CodeError"),
        (("Exception", "KeyError: 'a'"), "KeyError: 'a'", "", "KeyError"),
        (("Exception", "no results"), "no results", "", "Exception"),
        (None, "the server said 500", "java.net.ConnectException", "ConnectException"),
        (None, "boom", "_OTHER", ""),
        (None, "", "", ""),
    ],
)
def test_the_type_of_an_error_is_the_most_telling_name(
    exception: tuple[str, str] | None, text: str, attribute: str, expected: str
) -> None:
    """Classes of errors rest on it: words inside quoted code once made provider failures of code errors."""
    assert error_type(RecordedException(*exception) if exception else None, text, attribute) == expected


_ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        [
            "openinference.span.kind",
            "tool.name",
            "input.value",
            "output.value",
            "llm.tools.0.tool.json_schema",
            "llm.output_messages.0.message.content",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name",
            "gen_ai.output.messages",
            "gen_ai.input.messages",
            "gen_ai.tool.definitions",
            "gen_ai.tool.call.arguments",
            "smolagents.managed_agents.0.name",
            "llm.token_count.prompt",
        ]
    ),
    st.sampled_from(["LLM", "TOOL", "AGENT", "", "{", "[]", "{}", '{"a": 1}', _SCHEMA, '[{"name": "t"}]', "1. t\n2. t"])
    | st.none()
    | st.integers(-5, 5)
    | st.lists(st.integers(), max_size=2),
)
_SPANS = st.lists(
    st.tuples(st.integers(1, 6), st.integers(0, 7), st.integers(0, 9), st.integers(0, 9), st.booleans(), _ATTRIBUTES),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(_SPANS)
def test_any_spans_make_facts_and_the_same_spans_the_same_facts(
    drawn: list[tuple[int, int, int, int, bool, dict[str, PlainValue]]],
) -> None:
    """Facts are what a report is verified against: they must exist for every trace, and never vary."""
    trace = one_trace(
        *(
            make_span(number, attributes, parent=parent, start_s=start, end_s=end, error="boom" if failed else None)
            for number, parent, start, end, failed, attributes in drawn
        )
    )
    found = trace_facts(trace)

    assert found == trace_facts(trace)
    assert [one.span_id for one in found.spans] == [stored.span_id for stored in trace.spans]
    assert all(one.scope_id == "" or one.scope_id in found.by_id for one in found.spans)
    assert all(one.issuer_id == "" or found.by_id[one.issuer_id] for one in found.spans)
