"""The facts that detectors of behaviour rest on: the same from every dialect, and what each of them means."""

from collections.abc import Sequence
from dataclasses import fields

import pytest

from analysis.extraction import trace_facts
from analysis.facts import SpanFact, Verdict
from bench.planting.recording import DIALECTS, recorded
from bench.planting.story import Call, Story, Turn
from bench.planting.traffic import SYSTEM, TOOLS, traffic
from domain.otlp import PlainValue
from domain.spans import SpanKind
from tests.analysis.stored import one_trace, stored_spans, stored_traces
from tests.spans import make_span

_ORDER = '{"order": "A-10", "item": "kettle", "state": "shipped", "by": "Hermes"}'
_OWN = frozenset(("call_id",))  # OpenLLMetry tells no ids on its tool spans


def told(stories: Sequence[Story], dialect: str) -> list[tuple[SpanFact, ...]]:
    """The facts of stories as a dialect records them."""
    requests = recorded(stories, DIALECTS[dialect])
    return [trace_facts(trace).spans for request in requests for trace in stored_traces(stored_spans(request))]


def of_kind(spans: Sequence[SpanFact], kind: SpanKind) -> list[SpanFact]:
    """The facts of one kind."""
    return [span for span in spans if span.kind is kind]


def story(*turns: Turn, user: str = "Where is my order A-10?", **said: object) -> Story:
    """A run of the shop's agent."""
    made = Story(list(turns), user, SYSTEM, TOOLS)
    for name, value in said.items():
        setattr(made, name, value)
    return made


def look(order: str = "A-10", result: str = _ORDER, **said: str) -> Turn:
    """A turn that looks one order up."""
    return Turn(calls=[Call("find_order", {"order_id": order, **said}, result)])


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    """Each of three dialects that share no key."""
    return str(request.param)


def test_every_dialect_tells_the_same_facts() -> None:
    """A detector must not find in one instrumentation what it cannot find in another."""
    stories = traffic(3, 30)
    for number, one in enumerate(stories):
        one.max_steps, one.passed, one.cost_usd, one.task = 9, number % 3 > 0, 0.5, "t" if number % 2 else ""
        one.turns[-1].cached_tokens, one.turns[-1].forgets = 7, number % 5 == 0
    stories[0].turns[0].text = "I'm sorry, but I can't help with that. " * 3
    stories[1].turns.append(Turn('<function=find_order>{"order_id": "A-1"}'))
    first, *others = (told(stories, name) for name in DIALECTS)

    names = [field.name for field in fields(SpanFact) if field.name not in _OWN]
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            for one, same in zip(mine, theirs, strict=True):
                assert {name: getattr(one, name) for name in names} == {name: getattr(same, name) for name in names}


def test_a_run_says_whose_it_is_and_how_it_went(dialect: str) -> None:
    """Session, task, limits and verdicts of the root; cost and cached tokens of each call."""
    run = story(
        look(), Turn("Shipped.", cached_tokens=5), session="s1", task="tracking", max_steps=7, passed=True, cost_usd=0.5
    )
    ((root, *spans),) = told([run], dialect)

    assert (root.session, root.task, root.max_steps) == ("s1", "tracking", 7)
    assert root.verdicts == (Verdict("task_success", 1.0, "pass", "span"),)
    assert [(span.cost_usd, span.cached_tokens) for span in of_kind(spans, SpanKind.LLM)] == [(0.5, None), (0.5, 5)]
    assert {span.task for span in spans} == {""}


def test_runs_that_were_asked_the_same_share_a_task(dialect: str) -> None:
    """Where no task is named, the question stands for it."""
    runs = told([story(Turn("Hm.")), story(Turn("Yes.")), story(Turn("No."), user="And order A-11?")], dialect)
    tasks = [spans[0].task for spans in runs]

    assert tasks[0] == tasks[1] != tasks[2]
    assert len(tasks[0]) == 16


def test_a_bare_root_has_the_task_of_the_agent_below_it() -> None:
    """A web framework's span stands above the agent in most services."""
    agent: dict[str, PlainValue] = {
        "openinference.span.kind": "AGENT",
        "input.value": '{"task": "Why?", "stream": false}',
    }
    bare = trace_facts(one_trace(make_span(1), make_span(2, agent, parent=1, start_s=0.1))).spans[0]
    alone = trace_facts(one_trace(make_span(2, {**agent, "input.value": "Why?"}))).spans[0]

    assert bare.task == alone.task != ""


def test_a_soft_error_needs_a_span_that_went_well(dialect: str) -> None:
    """What failed loudly is counted already."""
    loud = Call("find_order", {"order_id": "A-1"}, "", error='{"error": "closed"}')
    ((_, *spans),) = told(
        [story(look(result='{"error": "order 7 is closed"}'), Turn(calls=[loud]), Turn("Hm."))], dialect
    )

    assert [span.soft_error for span in of_kind(spans, SpanKind.TOOL)] == ["order <num> is closed", ""]


def test_arguments_that_say_nothing_are_idle() -> None:
    """Empty, or what the tool takes anyway; false and 0 say something."""
    schema = (
        '{"name": "find", "parameters": {"type": "object", "properties": '
        '{"q": {"type": "string"}, "page": {"type": "integer", "default": 1}, "deep": {"default": false}}}}'
    )
    model = make_span(1, {"openinference.span.kind": "LLM", "llm.tools.0.tool.json_schema": schema})
    for arguments, idle in {
        '{"q": "", "page": 1, "deep": false}': '["deep","page","q"]',
        '{"q": "x", "page": 2, "deep": 0}': "[]",
        '{"": [], "n": null, "o": {}}': '["","n","o"]',
        '{"page": true, "zero": 0}': "[]",
        "words": "",
    }.items():
        kind: dict[str, PlainValue] = {"openinference.span.kind": "TOOL", "tool.name": "find", "input.value": arguments}
        fact = trace_facts(one_trace(model, make_span(2, kind, start_s=2))).spans[1]
        assert fact.idle_arguments == idle


def test_calls_alike_share_the_hash_of_the_first(dialect: str) -> None:
    """The wording of a search changes, the search does not; another order is another call."""
    asked = [look(topic=f"where is the {what} now, please") for what in ("parcel", "parcels", "shop's own bicycle")]
    ((_, *spans),) = told([story(*asked, look("A-11"), Turn("Hm."))], dialect)
    calls = of_kind(spans, SpanKind.TOOL)

    assert [call.arguments_like == calls[0].arguments_hash for call in calls] == [True, True, False, False]
    assert [call.arguments_like == call.arguments_hash for call in calls] == [True, False, True, True]
    assert {call.result_like for call in calls} == {calls[0].result_hash}


def test_a_call_builds_on_the_one_before_when_it_names_what_that_found(dialect: str) -> None:
    """Calls that do not could have been made at once."""
    ((_, *spans),) = told([story(look(), look("Hermes"), look("A-77"), look(""), Turn("Hm."))], dialect)

    assert [call.builds_on_previous for call in of_kind(spans, SpanKind.TOOL)] == [None, True, False, False]


def test_a_history_that_was_dropped_is_shorter_than_what_was_sent_before(dialect: str) -> None:
    """Messages, those kept, and whose message broke the prefix."""
    turns = [look(), look("A-11"), Turn("Hm.", forgets=True)]
    changed = story(look(), Turn("Hm."))
    changed_spans = told([changed], dialect)[0]
    ((_, *spans),) = told([story(*turns)], dialect)

    assert [(call.messages, call.kept_messages) for call in of_kind(spans, SpanKind.LLM)] == [(2, None), (4, 2), (2, 2)]
    assert [call.changed_role for call in of_kind(changed_spans, SpanKind.LLM)] == ["", ""]


def test_calls_side_by_side_have_no_call_before() -> None:
    """Which of two parallel answers a third one forgot is nobody's to say."""
    said: dict[str, PlainValue] = {"openinference.span.kind": "LLM", "llm.input_messages.0.message.content": "Hi"}
    spans = trace_facts(one_trace(make_span(1, said), make_span(2, said, start_s=0.5, end_s=2))).spans

    assert [(span.messages, span.kept_messages) for span in spans] == [(1, None), (1, None)]


def test_a_leaked_call_names_a_tool_of_the_run(dialect: str) -> None:
    """And a refusal is one by its words or by the provider's."""
    leak = Turn('<tool_call>{"name": "find_order", "arguments": {}}</tool_call>')
    ((_, *spans),) = told([story(look(), leak, Turn("", finish="content_filter"))], dialect)
    calls = of_kind(spans, SpanKind.LLM)

    assert [call.leaked_call for call in calls] == ["", "find_order", ""]
    assert [call.phrases for call in calls] == [(), (), ("refusal",)]


def test_a_part_that_refuses_is_a_refusal() -> None:
    """OpenAI marks refusals, whatever language they are in."""
    answer = '[{"role": "assistant", "content": [{"type": "refusal", "refusal": "Das mache ich nicht."}]}]'
    span = make_span(1, {"gen_ai.operation.name": "chat", "gen_ai.output.messages": answer})

    assert trace_facts(one_trace(span)).spans[0].phrases == ("refusal",)


def test_hidden_and_missing_answers_match_no_lexicon_and_are_not_known_to_match_none() -> None:
    """Nothing recorded differs from nothing said."""
    kind: dict[str, PlainValue] = {"openinference.span.kind": "LLM"}
    hidden = make_span(1, {**kind, "llm.output_messages.0.message.content": "__REDACTED__"})

    assert trace_facts(one_trace(hidden)).spans[0].phrases is None
    assert trace_facts(one_trace(make_span(1, kind))).spans[0].phrases is None


def test_an_answer_is_held_against_everything_its_scope_knew(dialect: str) -> None:
    """The number of the question and the name in a result are founded; two others are not."""
    ((_, *spans),) = told([story(look(), Turn("Order A-10 comes with Hermes on day 41 to Berlin."))], dialect)
    checked = [(call.checked_words, call.unfounded_words) for call in of_kind(spans, SpanKind.LLM)]

    assert checked == [(None, None), (4, 2)]
