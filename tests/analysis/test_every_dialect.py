"""One piece of an agent's work gives the same facts, and the same findings, whatever dialect recorded it."""

from collections.abc import Iterable, Sequence

import pytest

from analysis.extraction import trace_facts
from analysis.facts import FactWindow, SpanFact, TraceFacts
from analysis.looking import shipped_detectors
from domain.content import SpanContent
from domain.content_messages import Message
from domain.otlp import PlainValue
from domain.spans import SpanKind, StoredTrace
from tests.analysis.recorded import evidence
from tests.analysis.stored import one_trace
from tests.dialects import DIALECTS
from tests.scenarios import Asked, Scenario, Step, spans, turns
from tests.spans import TRACE_ID

_CITY: dict[str, PlainValue] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_TOOLS = {"get_weather": _CITY, "get_time": _CITY}


def _call(number: int, tool: str = "get_weather", error: str | None = None, **arguments: str) -> Asked:
    return Asked(f"call_{number}", tool, dict(arguments), "" if error else f"21C {number}", error)


def _steps(*calls: Asked, end: Step) -> tuple[Step, ...]:
    return (*(Step("", (call,), "tool_calls") for call in calls), end)


_DONE = Step("It is sunny.")
SCENARIOS = {
    "a call that works": Scenario(_steps(_call(1, city="Paris"), end=_DONE), _TOOLS),
    "two calls at once": Scenario(
        (Step("Let me see.", (_call(1, city="Paris"), _call(2, "get_time", city="Rome")), "tool_calls"), _DONE), _TOOLS
    ),
    "wrong arguments": Scenario(
        _steps(*(_call(at, error="TypeError: unexpected town", town="Paris") for at in range(4)), end=_DONE), _TOOLS
    ),
    "a tool nobody declared": Scenario(
        _steps(_call(1, "get_news", error="Unknown tool: get_news", city="Paris"), end=_DONE), _TOOLS
    ),
    "the same call again and again": Scenario(
        _steps(*(_call(7, city="Paris")._replace(call_id=f"call_{at}") for at in range(6)), end=_DONE), _TOOLS
    ),
    "an empty answer": Scenario(_steps(_call(1, city="Paris"), end=Step("")), _TOOLS),
    "an answer cut off": Scenario(_steps(_call(1, city="Paris"), end=Step("It is", finish="length")), _TOOLS),
    "a plan": Scenario(
        (Step("1. Call get_weather for Paris.\n2. Call get_time for Paris.\n3. Answer."), _DONE), _TOOLS
    ),
}
_COMPARED = (
    "kind",
    "tool",
    "call_id",
    "issuer_id",
    "arguments_hash",
    "argument_keys",
    "arguments_problem",
    "result_hash",
    "requested",
    "declared_tools",
    "finish",
    "max_tokens",
    "output_chars",
    "plan_tools",
    "answered_calls",
)
_EACH = pytest.mark.parametrize("dialect", DIALECTS)


def _facts(scenario: Scenario, dialect: str) -> TraceFacts:
    return trace_facts(one_trace(*spans(scenario, DIALECTS[dialect], TRACE_ID)))


def _told(facts: Iterable[SpanFact], cannot: frozenset[str]) -> list[dict[str, object]]:
    return [
        {field: getattr(fact, field) for field in _COMPARED if field not in cannot}
        | {"declared_tools": sorted(fact.declared_tools or ())}
        for fact in facts
        if fact.kind is not SpanKind.AGENT
    ]


@_EACH
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_facts_do_not_depend_on_the_dialect(scenario: str, dialect: str) -> None:
    """A detector rests on facts alone, so it works on a dialect exactly when these are equal."""
    cannot = DIALECTS[dialect].cannot
    expected = _told(_facts(SCENARIOS[scenario], "OpenInference").spans, cannot)

    assert _told(_facts(SCENARIOS[scenario], dialect).spans, cannot) == expected


@_EACH
def test_detectors_find_the_same_in_every_dialect(dialect: str) -> None:
    """Ten traces of every scenario: what is found in one dialect is found, as often, in all."""
    found, expected = _found(dialect), _found("OpenInference")

    assert found == expected
    assert {name for name, *_ in found} >= {
        "empty_output",
        "hallucinated_tool",
        "invalid_arguments",
        "repeated_calls",
        "truncated_output",
        "unusable_tool",
    }


def _found(dialect: str) -> list[tuple[str, str, str, int, int]]:
    window = FactWindow.of(map(trace_facts, _traces(dialect)))
    return sorted(
        (name, candidate.subject, candidate.cause, len(measure.affected), measure.opportunities)
        for name, detector in shipped_detectors().items()
        for candidate in detector.find(window)
        for measure in (detector.measure(window, candidate.args),)
    )


def _traces(dialect: str) -> list[StoredTrace]:
    numbered = enumerate((one for one in SCENARIOS.values() for _ in range(10)), start=1)
    return [one_trace(*spans(one, DIALECTS[dialect], at.to_bytes(16, "big"))) for at, one in numbered]


@_EACH
def test_reports_of_every_dialect_hold_and_quote_what_was_recorded(dialect: str) -> None:
    """A reader sees the words that failed, wherever the dialect keeps them, and can recompute every number."""
    told = evidence(_traces(dialect))
    unquoted = {each["detector"] for each in told.json["findings"] if each["evidence"][0]["field"] == "name"}

    assert told.verify() == []
    unquoted -= {"answer_without_action", "change_point", "unexplained_time"}  # they are about whole runs
    in_a_list = {"planned_tools_never_called", "answer_after_error"} if dialect == "pydantic-ai, older" else set()
    assert unquoted == in_a_list


@_EACH
def test_the_conversation_is_the_same_in_every_dialect(dialect: str) -> None:
    """Whoever shows a conversation, or asks a model about it, sees one schema: system prompt first, results apart."""
    scenario = SCENARIOS["two calls at once"]
    last = SpanContent(turns(scenario, DIALECTS[dialect])[-1])

    messages = last.input_messages() or ()
    assert last.system_prompt() == scenario.system
    assert [(message.role, message.text) for message in messages if not message.results] == [
        ("system", scenario.system),
        ("user", scenario.user),
        ("assistant", "Let me see."),
    ]
    assert _calls(messages) == [("call_1", "get_weather"), ("call_2", "get_time")]
    assert _results(messages) == [("call_1", "21C 1"), ("call_2", "21C 2")]
    assert last.output() == (
        Message("assistant", "It is sunny.", finish_reason=(last.output() or ())[0].finish_reason),
    )


def _calls(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(call.call_id, call.name) for message in messages for call in message.calls]


def _results(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(result.call_id, result.text) for message in messages for result in message.results]
