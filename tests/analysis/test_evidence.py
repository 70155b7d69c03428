"""Evidence: an exact quote from a named field, from spans worth reading."""

import pytest

from analysis.detecting import Candidate, Measure
from analysis.evidence import MAX_EXEMPLARS, QUOTE_MAX_CHARS, evidence_of, exemplars, field_hash, quote_from
from analysis.facts import FactWindow
from analysis.fields import field_text
from analysis.looking import Seen
from domain.otlp import InstrumentationScope, Resource, Span
from domain.spans import StoredSpan
from tests.analysis.building import Run, window
from tests.spans import add_exception, make_span


def stored(span: Span, service: str = "shop") -> StoredSpan:
    resource = Resource()
    resource.attributes.add(key="service.name").value.string_value = service
    return StoredSpan(resource, InstrumentationScope(name="scope"), span, span.SerializeToString(), 0)


def rich() -> StoredSpan:
    attributes = {
        "input.value": '{"page": 2}',
        "count": 3,
        "tags": ["b", 1.5, True],
        "nested": {"z": 1, "a": "ä"},
        "raw": b"\x01\xff",
    }
    return stored(
        add_exception(make_span(attributes=attributes, name="look", error="it broke"), "ValueError", "no row")
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("name", "look"),
        ("status.message", "it broke"),
        ("attributes.input.value", '{"page": 2}'),
        ("attributes.count", "3"),
        ("attributes.tags", '["b", 1.5, true]'),
        ("attributes.nested", '{"a": "ä", "z": 1}'),
        ("attributes.raw", "01ff"),
        ("events[0].name", "exception"),
        ("events[0].attributes.exception.message", "no row"),
        ("resource.attributes.service.name", "shop"),
        ("scope.name", "scope"),
        ("attributes.absent", None),
        ("events[1].name", None),
        ("events[-1].name", None),
        ("events[0].time", None),
        ("something.else", None),
        ("", None),
    ],
)
def test_a_field_is_text_under_its_path_or_nothing(path: str, text: str | None) -> None:
    """Verification looks the same path up again, years later and on another machine."""
    assert field_text(rich(), path) == text


def test_of_a_repeated_attribute_the_last_one_counts() -> None:
    """As everywhere else in the project."""
    span = make_span(attributes={"key": "first"})
    span.attributes.add(key="key").value.string_value = "last"

    assert field_text(stored(span), "attributes.key") == "last"


def test_a_quote_is_the_telling_part_and_always_a_substring() -> None:
    """Of a traceback the last line tells, of an answer the requested tool."""
    traceback = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: no row  \n'
    answer = "x" * 500 + ' "name": "look_up" ' + "y" * 500

    assert quote_from(traceback) == "ValueError: no row"
    assert quote_from("  \n first line\nsecond") == "first line\nsecond"
    assert "look_up" in quote_from(answer, "look_up")
    for text in (traceback, answer, "ß" * 999, "  "):
        assert quote_from(text) in text
        assert len(quote_from(text)) <= QUOTE_MAX_CHARS


def test_a_lone_surrogate_does_not_break_the_hash() -> None:
    """Text from elsewhere may not be valid Unicode."""
    assert len(field_hash("a\ud800")) == 64


def seen(facts: FactWindow, *quote_fields: str, **said: tuple[tuple[str, str], ...]) -> Seen:
    affected = frozenset(span.ref for span in facts.spans() if span.tool)
    candidate = Candidate(
        detector="d",
        category="c",
        owner="tool",
        severity="low",
        subject="look",
        cause="x",
        args={},
        title="t",
        explanation="e",
        fix="f",
        exemplars=said.get("exemplars", ()),
        quote_fields=quote_fields,
    )
    return Seen(candidate, Measure(affected, 9, 9, affected))


def test_exemplars_are_typical_recent_short_and_from_several_traces() -> None:
    """Three readable cases show more than three pages of one run."""
    runs = []
    for number in range(5):
        run = Run(number)
        run.bare_call(error="ValueError: common", arguments_chars=10_000 if number == 4 else 10)
        run.bare_call(error="ValueError: common")
        runs.append(run)
    odd = Run(9)
    odd.bare_call(error="ValueError: odd")
    facts = window(*runs, odd)

    shown = exemplars(facts, seen(facts), most=3)

    assert len({trace_id for trace_id, _ in shown}) == 3
    assert odd.trace_id not in {trace_id for trace_id, _ in shown}
    assert runs[0].trace_id not in {trace_id for trace_id, _ in shown}
    assert all(facts.by_ref[ref].arguments_chars != 10_000 for ref in shown)


def test_three_spans_are_quoted_and_of_the_first_also_the_arguments() -> None:
    """Error and arguments together are what reproduces a failure."""
    run = Run()
    for _ in range(5):
        run.bare_call(error="ValueError: no")
    facts = window(run)

    found = evidence_of(facts, seen(facts, "error", "arguments"), lambda trace_id, span_id: rich())

    assert [item.field for item in found] == ["status.message", "attributes.input.value"] + ["status.message"] * 2
    assert len({item.span_id for item in found}) == MAX_EXEMPLARS
    assert found[1].quote == '{"page": 2}'
    assert found[1].sha256 == field_hash('{"page": 2}')


def test_spans_that_are_gone_are_passed_over_and_a_bare_span_is_quoted_by_its_name() -> None:
    """Retention may have taken some, and some say nothing."""
    run = Run()
    gone = [run.bare_call(error="ValueError: no") for _ in range(2)][-1]
    facts = window(run)

    found = evidence_of(
        facts,
        seen(facts, "error", "arguments"),
        lambda trace_id, span_id: None if span_id == gone else stored(make_span(name="look")),
    )

    assert [(item.field, item.quote) for item in found] == [("name", "look")]


def test_the_exemplars_that_a_detector_names_are_taken() -> None:
    """It may know better what is typical."""
    run = Run()
    first = run.bare_call(error="ValueError: no")
    run.bare_call(error="ValueError: no")
    facts = window(run)

    assert exemplars(facts, seen(facts, exemplars=((run.trace_id, first),))) == ((run.trace_id, first),)


def test_a_requested_tool_is_quoted_where_it_is_requested() -> None:
    """It need not be the first call of the answer."""
    run = Run()
    run.bare_call()
    facts = window(run)
    prefix = "llm.output_messages.0.message.tool_calls."
    answer = make_span(
        attributes={f"{prefix}0.tool_call.function.name": "other", f"{prefix}1.tool_call.function.name": "look"}
    )

    (item,) = evidence_of(facts, seen(facts, "tool_calls"), lambda trace_id, span_id: stored(answer))

    assert (item.field, item.quote) == (f"attributes.{prefix}1.tool_call.function.name", "look")


def test_original_ids_are_cited_beside_the_derived_ones_only_where_they_differ() -> None:
    """The ids of a file may be no OTLP ids; over OTLP there is nothing to add."""
    run = Run()
    run.bare_call(error="ValueError: no")
    facts = window(run)
    plain = make_span(name="look")
    same = {"halo.source.trace_id": plain.trace_id.hex(), "halo.source.span_id": plain.span_id.hex()}
    other = {"halo.source.trace_id": "run-7", "halo.source.span_id": "s" * 999}

    cited = [
        evidence_of(facts, seen(facts, "error"), lambda *ids, said=said: stored(make_span(1, said, name="look")))[0]
        for said in ({}, same, other)
    ]

    assert [(item.source_trace_id, item.source_span_id) for item in cited] == [("", ""), ("", ""), ("run-7", "s" * 200)]
    assert (cited[2].shown_trace_id, cited[0].shown_trace_id) == ("run-7", cited[0].trace_id)
    assert (cited[2].shown_span_id, cited[0].shown_span_id) == ("s" * 200, cited[0].span_id)


def test_a_span_that_says_nothing_takes_no_exemplars_place() -> None:
    """Verification sees only cited spans, and must come to the same three."""
    run = Run()
    silent, *_ = [run.bare_call(error="ValueError: no") for _ in range(4)]
    facts = window(run)

    def read(trace_id: str, span_id: str) -> StoredSpan:
        return stored(make_span(name="" if span_id == silent else "look"))

    assert len({item.span_id for item in evidence_of(facts, seen(facts, "error"), read)}) == MAX_EXEMPLARS
