"""What trace tools do with data and patterns that are too large, too slow or too odd."""

import asyncio
from pathlib import Path

import pytest

from engine.querying.memory import size_of
from engine.tooling import ToolError
from tests.engine.querying.planted import BAD, GOOD, at_work, at_work_on_lines, call, line, planted

TINY, LARGE = "a" * 32, "b" * 32
OVERSIZED_KEYS = {
    *("trace_id", "span_count", "truncated_response_bytes", "response_bytes_budget", "span_response_bytes_min"),
    *("span_response_bytes_median", "span_response_bytes_max", "top_span_names", "error_span_count", "recommendation"),
}


async def test_nine_hundred_small_spans_give_a_summary_and_then_a_page(tmp_path: Path) -> None:
    """A model that is only told "too large" has nowhere to go; the summary names a page that fits."""
    with at_work_on_lines(tmp_path, [line(number) for number in range(1, 901)]) as work:
        told = await call(work, "view_trace", trace_id=TINY)
        assert told["spans"] == []
        summary = told["oversized"]
        assert summary.keys() == OVERSIZED_KEYS
        assert (summary["span_count"], summary["error_span_count"]) == (900, 0)
        assert sorted(summary["top_span_names"]) == [["step 0", 300], ["step 1", 300], ["step 2", 300]]
        fitting = int(summary["recommendation"].partition("limit=")[2].split()[0])
        page = await call(work, "view_trace", trace_id=TINY, limit=fitting, offset=10)
        assert (len(page["spans"]), page["oversized"], page["trace_span_count"]) == (fitting, None, 900)
        assert work.shown.spans == {(TINY, each["span_id"]) for each in page["spans"]}


async def test_a_span_of_fifty_megabytes_stays_within_an_answer(tmp_path: Path) -> None:
    """HALO's search hands such a match to the model as a whole."""
    huge = line(1, LARGE, attributes={"input.value": "x" * 50_000_000, "nested": {"list": ["y" * 9_000]}})
    with at_work_on_lines(tmp_path, [huge]) as work:
        viewed = await call(work, "view_trace", trace_id=LARGE)
        shown = viewed["spans"][0]["attributes"]
        assert shown["input.value"] == "x" * 4096 + "... [HALO truncated: original 50000000 chars]"
        assert shown["nested"].endswith("non-string attribute serialized for truncation]")
        assert len((await call(work, "view_spans", trace_id=LARGE, span_ids=[f"{1:016x}"]))["spans"]) == 1
        for name, more in (("search_trace", {}), ("search_span", {"span_id": f"{1:016x}"})):
            told = await call(work, name, trace_id=LARGE, regex_pattern="x{9}x+", **more)
            (record,) = told["matches"]
            assert (told["match_count"], record["match_chars"]) == (1, 50_000_000)
            assert (len(record["match_text"]), size_of(told) < 5_000) == (1_000, True)
        assert (await call(work, "search_spans", text="xxxx", max_matches=1))["has_more"] is True


async def test_a_pattern_that_never_ends_is_stopped_while_other_tools_go_on(tmp_path: Path) -> None:
    """One wrong pattern must not cost the run, nor the turns of the other agents."""
    patient = line(1, attributes={"input.value": "a" * 5_000 + "!"})
    with at_work_on_lines(tmp_path, [patient]) as work:
        endless = asyncio.create_task(
            call(work, "search_trace", {"search_s": 1.0}, trace_id=TINY, regex_pattern="(a+)+$")
        )
        await asyncio.sleep(0)
        counted = 0
        while not endless.done():
            counted += (await call(work, "count_traces", filters={"min_spans": -counted}))["total"]
        assert counted > 1
        with pytest.raises(ToolError, match="not done in 1 s"):
            await endless
        for name in ("count_traces", "query_traces", "get_dataset_overview"):
            with pytest.raises(ToolError, match="not done"):
                await call(work, name, {"scan_s": 0.2}, filters={"regex_pattern": "(a+)+$"})
        with pytest.raises(ToolError, match="not done"):
            await call(work, "search_spans", {"search_s": 0.2}, regex_pattern="(a+)+$")


async def test_an_answer_that_is_not_whole_says_so(tmp_path: Path) -> None:
    """A count of what was read in time is no count of all."""
    with at_work(tmp_path, planted()) as work:
        told = await call(work, "count_traces", {"scan_s": 1e-9}, filters={"text": "4711"})
        assert told["total"] == 0
        assert (told["partial"]["read_traces"], told["partial"]["of_traces"]) == (0, 3)
        searched = await call(work, "search_spans", {"search_s": 1e-9}, text="4711")
        assert (searched["whole"], searched["read_traces"], searched["of_traces"]) == (False, 0, 3)
        assert await call(work, "count_traces", filters={"text": "4711"}) == {"total": 1}


@pytest.mark.parametrize("room", [1_000, 2_000])
async def test_every_answer_keeps_to_its_bytes_and_tells_what_is_left_out(tmp_path: Path, room: int) -> None:
    """What a cap cuts silently is believed not to exist."""
    lines = [
        line(
            1, f"{number:032x}", name=f"name {number}", status={"code": "STATUS_CODE_ERROR", "message": f"no {number}"}
        )
        for number in range(16, 76)
    ]
    config = {"max_answer_bytes": room}
    with at_work_on_lines(tmp_path, lines) as work:
        page = await call(work, "query_traces", config)
        found = await call(work, "search_spans", config, text="no ")
        listed = await call(work, "search_spans", config)
        groups = await call(work, "group_spans", config, by=["name"])
        compared = await call(
            work, "compare_windows", {"max_answer_bytes": 4 * room}, before={}, after={"text": "no 1"}, limit=1
        )
        assert size_of(compared) <= 4 * room
        for told, key, whole in (
            (page, "traces", 50),
            (found, "matches", 50),
            (listed, "matches", 50),
            (groups, "groups", 50),
        ):
            assert size_of(told) <= room
            assert len(told[key]) + told["left_out"]["items"] == whole
        assert (page["total"], found["match_count"], groups["group_count"]) == (60, 60, 60)
        assert found["has_more"] and found["returned_match_count"] == len(found["matches"])


async def test_the_overview_counts_errors_beyond_the_largest_twenty(tmp_path: Path) -> None:
    """HALO's stops at two thousand traces and does not say so."""
    failed = {"code": "STATUS_CODE_ERROR", "message": "no"}
    letters = [chr(ord("a") + number) for number in range(23)]
    lines = [line(1, f"{number:032x}", name=f"do {letters[number % 23]}", status=failed) for number in range(1, 70)]
    with at_work_on_lines(tmp_path, lines) as work:
        told = await call(work, "get_dataset_overview")
        assert len(told["error_taxonomy"]) == 20
        assert told["error_taxonomy_left_out"] == {"groups": 3, "error_spans": 9}
        assert sum(each["error_span_count"] for each in told["error_taxonomy"]) + 9 == told["otel_error_span_count"]
        assert len(told["error_taxonomy"][0]["example_trace_ids"]) == 3


async def test_ids_of_a_file_are_its_own(tmp_path: Path) -> None:
    """Files of other tools number their traces as they like; people look for those numbers."""
    lines = [line(1, "run-1", span_id="first"), line(2, "run-1", span_id="second", parent_span_id="first")]
    with at_work_on_lines(tmp_path, [*lines, line(1, "run-10")]) as work:
        assert (await call(work, "get_dataset_overview"))["sample_trace_ids"] == ["run-1", "run-10"]
        viewed = await call(work, "view_trace", trace_id="run-1")
        assert [(each["span_id"], each["parent_span_id"]) for each in viewed["spans"]] == [
            ("first", ""),
            ("second", "first"),
        ]
        shown = await call(work, "view_spans", trace_id="run-1", span_ids=["second"])
        assert shown["spans"][0]["parent_span_id"] == "first"
        assert (await call(work, "search_span", trace_id="run-1", span_id="second", regex_pattern="sec"))[
            "match_count"
        ] == 1
        assert ("run-1", "second") in work.shown.spans
        hexadecimal = {trace for trace, _ in work.shown.spans} - {"run-1"}
        assert all(len(trace) == 32 for trace in hexadecimal) and hexadecimal


async def test_flat_copies_of_messages_are_left_out_where_they_are_copies(tmp_path: Path) -> None:
    """They double every history; where a span has nothing else they are the history, and stay."""
    flat = {"llm.input_messages.0.message.content": "hi", "llm.output_messages.0.message.content": "ho"}
    copies = line(1, TINY, attributes={**flat, "llm.input_messages": "[…]", "output.value": "ho"})
    with at_work_on_lines(tmp_path, [copies, line(1, LARGE, attributes=flat)]) as work:
        cleaned = (await call(work, "view_trace", trace_id=TINY))["spans"][0]["attributes"]
        assert cleaned.keys() == {"llm.input_messages", "output.value", "__halo_dropped_flat_projections"}
        assert cleaned["__halo_dropped_flat_projections"].startswith("2 flat attributes")
        assert (await call(work, "view_trace", trace_id=LARGE))["spans"][0]["attributes"] == flat


async def test_what_is_asked_again_is_answered_the_same(tmp_path: Path) -> None:
    """And shown again: a second agent of a run has its own list of shown ids."""
    with at_work(tmp_path, planted()) as work:
        asked = {name: await call(work, name) for name in ("get_dataset_overview", "query_traces")}
        first = set(work.shown.traces)
        work.shown.traces.clear()
        assert {name: await call(work, name) for name in asked} == asked
        assert work.shown.traces == first == {*first, GOOD, BAD}
