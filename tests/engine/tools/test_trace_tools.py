"""The tools that HALO engines have as well, on a window in which everything is known."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.querying.filters import TraceFilters
from engine.tooling import ToolError, Work
from store.base import Selection
from tests.engine.querying.planted import BAD, GOOD, ODD, REFUSED, at_work, call, planted
from tests.store.window_kit import SECOND_NS, START_NS, span_id

OVERVIEW_KEYS = {
    *("total_traces", "total_spans", "earliest_start_time", "latest_end_time", "service_names", "model_names"),
    *("agent_names", "agent_ids", "error_trace_count", "missing_parent_count", "missing_agent_identity_count"),
    *("project_id_mismatch_count", "otel_error_span_count", "tool_error_span_count", "error_taxonomy"),
    *("total_input_tokens", "total_output_tokens", "raw_jsonl_bytes", "sample_trace_ids"),
}
SUMMARY_KEYS = {
    *("trace_id", "span_count", "start_time", "end_time", "has_errors", "service_names", "model_names"),
    *("total_input_tokens", "total_output_tokens", "agent_names", "agent_ids", "missing_parent_count"),
    *("missing_agent_identity_count", "project_id_mismatch_count", "otel_error_span_count", "tool_error_span_count"),
    "raw_jsonl_bytes",
}
MATCH_KEYS = {
    *("trace_id", "span_id", "span_index", "span_name", "kind", "status_code", "parent_span_id", "raw_jsonl_bytes"),
    *("match_text", "matched_context", "match_start_char", "match_end_char"),
}


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """At work on three traces."""
    with at_work(tmp_path, planted()) as working:
        yield working


async def test_the_overview_sums_up_all_traces(work: Work) -> None:
    """The first answer a model gets; what is wrong in it goes through all that follows."""
    told = await call(work, "get_dataset_overview")
    assert told.keys() >= OVERVIEW_KEYS
    assert (told["total_traces"], told["total_spans"], told["error_trace_count"]) == (3, 8, 1)
    assert (told["otel_error_span_count"], told["tool_error_span_count"]) == (2, 2)
    assert (told["total_input_tokens"], told["total_output_tokens"]) == (1100, 220)
    assert told["model_names"] == ["large", "small"]
    assert told["service_names"] == ["billing", "shop"]
    assert (told["missing_parent_count"], told["project_id_mismatch_count"]) == (1, None)
    assert told["not_derived"] == ["project_id_mismatch_count"]
    assert told["sample_trace_ids"] == [GOOD, BAD, ODD]
    groups = [(each["span_name"], each["error_span_count"], each["trace_count"]) for each in told["error_taxonomy"]]
    assert sorted(groups) == [("again", 1, 1), ("refund", 1, 1)]
    assert told["error_taxonomy"][0]["example_trace_ids"] == [BAD]
    assert told["error_taxonomy_left_out"] == {"groups": 0, "error_spans": 0}
    assert work.shown.traces == {GOOD, BAD, ODD}


async def test_an_overview_is_of_the_traces_that_are_meant(work: Work) -> None:
    """Filters narrow every number of it, also those that read spans."""
    by_index = await call(work, "get_dataset_overview", filters={"has_errors": True})
    by_reading = await call(work, "get_dataset_overview", filters={"text": "4711"})
    assert by_index == by_reading
    assert (by_index["total_traces"], by_index["total_input_tokens"], by_index["missing_parent_count"]) == (1, 1000, 0)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [GOOD, BAD, ODD]),
        ({"has_errors": True}, [BAD]),
        ({"has_errors": False}, [GOOD, ODD]),
        ({"model_names": ["small", "none"]}, [GOOD]),
        ({"service_names": ["billing"]}, [ODD]),
        ({"agent_names": ["shop"]}, [GOOD, BAD]),
        ({"start_time_gte": "2023-11-15T00:00:00+01:00"}, [BAD, ODD]),
        ({"end_time_lte": "2023-11-14T22:13:24Z"}, [GOOD]),
        ({"min_duration_ms": 5000}, [BAD]),
        ({"max_duration_ms": 5000, "min_spans": 2}, [GOOD]),
        ({"min_tokens": 500}, [BAD]),
        ({"tools": ["search"]}, [GOOD]),
        ({"kinds": ["LLM"]}, [GOOD, BAD]),
        ({"sessions": ["s-1"]}, [GOOD]),
        ({"errors": ["NOT FOUND"]}, [BAD]),
        ({"users": ["bob"]}, [BAD]),
        ({"versions": ["1.0"]}, [GOOD]),
        ({"min_cost_usd": 0.1}, [BAD]),
        ({"max_cost_usd": 0.1}, []),
        ({"attributes": {"count": 7, "note": "ünïcode"}}, [ODD]),
        ({"attributes": {"count": "7"}}, [ODD]),
        ({"attributes": {"count": 8}}, []),
        ({"text": "ünïcode"}, [ODD]),
        ({"regex_pattern": r"order \d+ not"}, [BAD]),
        ({"regex_pattern": "STATUS_CODE_ERROR"}, [BAD]),
        ({"regex_pattern": r'"count":7'}, [ODD]),
        ({"regex_pattern": "(?i)ÜNÏCODE"}, [ODD]),
        ({"regex_pattern": "shoes|nothing"}, [GOOD]),
        ({"project_id": "none"}, []),
        ({"has_errors": True, "text": "shoes"}, []),
    ],
)
async def test_a_filter_means_exactly_the_traces_it_says(
    work: Work, filters: dict[str, Any], expected: list[str]
) -> None:
    """Listing and counting agree, in the order of arrival, whether the index knows or spans are read."""
    page = await call(work, "query_traces", filters=filters)
    assert [each["trace_id"] for each in page["traces"]] == expected
    assert page["total"] == len(expected)
    assert await call(work, "count_traces", filters=filters) == {"total": len(expected)}


async def test_agents_are_named_by_the_beginning_of_their_uuid(work: Work) -> None:
    """The id that every other list of agents shows."""
    shop = next(each for each in work.window.reader.agents() if each.name == "shop")
    assert await call(work, "count_traces", filters={"agents": [shop.uuid[:13]]}) == {"total": 2}
    with pytest.raises(ToolError, match=shop.uuid):
        await call(work, "count_traces", filters={"agents": ["00000000-0"]})


async def test_a_summary_says_what_halos_says(work: Work) -> None:
    """Prompts and scripts written for it read these keys."""
    page = await call(work, "query_traces", filters=None, limit=1, offset=1)
    (bad,) = page["traces"]
    assert bad.keys() >= SUMMARY_KEYS
    assert (bad["trace_id"], bad["span_count"], bad["has_errors"], bad["tool_error_span_count"]) == (BAD, 4, True, 2)
    assert (bad["start_time"], bad["duration_ms"]) == ("2023-11-14T23:13:20.000000000Z", 9000.0)
    assert (bad["model_names"], bad["total_input_tokens"], page["total"]) == (["large"], 1000, 3)


@pytest.mark.parametrize("filters", [{}, {"attributes": {"telemetry": "x"}}, {"regex_pattern": "span_id"}])
async def test_traces_come_in_the_order_asked_for(work: Work, filters: dict[str, Any]) -> None:
    """Also when the filters had to read spans."""
    found = {
        (sort, order): [
            each["trace_id"]
            for each in (await call(work, "query_traces", filters=filters, sort=sort, order=order, limit=2))["traces"]
        ]
        for sort, order in (("duration", "desc"), ("tokens", "asc"), ("arrival", "asc"))
    }
    if "attributes" in filters:
        assert set(map(tuple, found.values())) == {()}
    else:
        assert found == {
            ("duration", "desc"): [BAD, GOOD],
            ("tokens", "asc"): [ODD, GOOD],
            ("arrival", "asc"): [GOOD, BAD],
        }


async def test_no_tool_sees_a_trace_outside_its_window(tmp_path: Path) -> None:
    """A run is about one agent and one stretch of time, whatever a model asks for."""
    until = START_NS + 1000 * SECOND_NS
    with at_work(tmp_path, planted(), Selection(0, until)) as work:
        assert (await call(work, "get_dataset_overview"))["sample_trace_ids"] == [GOOD]
        for name, more in (
            ("view_trace", {}),
            ("search_trace", {"regex_pattern": "x"}),
            ("view_spans", {"span_ids": ["1"]}),
        ):
            with pytest.raises(ToolError, match="there is no trace"):
                await call(work, name, trace_id=BAD, **more)
        assert (await call(work, "search_spans", text="4711"))["match_count"] == 0
        assert (await call(work, "group_spans", by=["service"]))["total"]["spans"] == 3


async def test_a_trace_is_found_by_the_beginning_of_its_id(work: Work) -> None:
    """What it shows counts as shown under all its names."""
    told = await call(work, "view_trace", trace_id=BAD[:8])
    assert (told["trace_id"], told["oversized"]) == (BAD, None)
    assert [each["name"] for each in told["spans"]] == ["root", "chat", "refund", "again"]
    assert told["spans"][2]["status"] == {"code": "STATUS_CODE_ERROR", "message": REFUSED}
    assert (BAD, span_id("bad/refund").hex()) in work.shown.spans
    assert work.shown.traces == {BAD}


@pytest.mark.parametrize("trace_id", ["nope", "f" * 32, "x"])
async def test_an_id_that_nothing_has_is_answered_with_where_ids_are_found(work: Work, trace_id: str) -> None:
    """Otherwise a model guesses on."""
    with pytest.raises(ToolError, match="query_traces"):
        await call(work, "view_trace", trace_id=trace_id)


async def test_spans_are_shown_by_their_ids(work: Work) -> None:
    """Unknown ids are named; only unknown ones are an error."""
    wanted = span_id("bad/again").hex()
    told = await call(work, "view_spans", trace_id=BAD, span_ids=[wanted.upper(), "zz"])
    assert ([each["span_id"] for each in told["spans"]], told["unknown_span_ids"]) == ([wanted], ["zz"])
    with pytest.raises(ToolError, match="search_trace"):
        await call(work, "view_spans", trace_id=BAD, span_ids=["zz"])


async def test_a_search_counts_all_matches_and_shows_the_first(work: Work) -> None:
    """A match record has HALO's keys; its text is where it says."""
    told = await call(
        work, "search_trace", trace_id=BAD, regex_pattern=r"order \d+", max_matches=1, context_buffer_chars=9
    )
    assert (told["match_count"], told["returned_match_count"], told["has_more"]) == (2, 1, True)
    (record,) = told["matches"]
    assert record.keys() == MATCH_KEYS
    assert (record["match_text"], record["span_index"], record["span_name"]) == ("order 4711", 2, "refund")
    assert record["matched_context"] == 'essage":"order 4711 not foun'
    assert record["match_end_char"] - record["match_start_char"] == len("order 4711")
    assert work.shown.spans == {(BAD, span_id("bad/refund").hex())}


async def test_a_search_in_one_span_leaves_the_others_out(work: Work) -> None:
    """Asked twice, also once the trace's lines are kept."""
    again = span_id("bad/again").hex()
    for pattern in ("order", "[o]rder", "[o]rder 4"):
        told = await call(work, "search_span", trace_id=BAD, span_id=again, regex_pattern=pattern)
        assert (told["match_count"], told["span_id"], told["matches"][0]["span_index"]) == (1, again, 3)
        everywhere = await call(work, "search_trace", trace_id=BAD, regex_pattern=pattern)
        assert everywhere["match_count"] == 2


async def test_unknown_arguments_are_refused(work: Work) -> None:
    """A filter that is not applied would be taken for one that is."""
    with pytest.raises(ValidationError, match="bogus"):
        await call(work, "count_traces", filters={"bogus": 1})


async def test_an_empty_selection_is_answered_with_nothing(tmp_path: Path) -> None:
    """An hour in which nothing came is no error."""
    with at_work(tmp_path, planted(), Selection(1, 2)) as work:
        told = await call(work, "get_dataset_overview")
        assert (told["total_traces"], told["earliest_start_time"], told["error_taxonomy"]) == (0, None, [])
        assert await call(work, "query_traces", filters={"text": "x"}) == {"traces": [], "total": 0}
        assert (await call(work, "group_spans", by=["kind"]))["groups"] == []
        assert (await call(work, "search_spans"))["match_count"] == 0
        compared = await call(work, "compare_windows", before={"has_errors": True}, after={"has_errors": False})
        assert (compared["traces"], compared["error_rate"]["p_value"]) == ({"before": 0, "after": 0}, None)


def test_what_a_model_is_told_of_the_filters_is_short() -> None:
    """Six tools repeat it in every request; what HALO's have is there under the same names and kinds."""
    schema = TraceFilters.model_json_schema()
    assert len(json.dumps(schema)) < 3_500
    assert schema["additionalProperties"] is False
    said = schema["properties"]
    lists = ("model_names", "service_names", "agent_names")
    assert all(said[name]["type"] == "array" and said[name]["items"] == {"type": "string"} for name in lists)
    texts = ("project_id", "start_time_gte", "end_time_lte", "regex_pattern")
    assert all(said[name]["type"] == "string" for name in texts) and said["has_errors"]["type"] == "boolean"
    assert TraceFilters.model_validate(dict.fromkeys(said)) == TraceFilters()
