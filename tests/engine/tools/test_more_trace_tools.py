"""The tools that go beyond HALO's: search over all traces, groups, comparisons, findings."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.tooling import ToolError, Work
from tests.engine.querying.planted import BAD, GOOD, REFUSED, at_work, at_work_on_lines, call, line, planted
from tests.store.window_kit import span_id


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """At work on three traces."""
    with at_work(tmp_path, planted()) as working:
        yield working


async def test_text_is_found_in_any_trace(work: Work) -> None:
    """One call instead of one for each trace."""
    told = await call(work, "search_spans", text=REFUSED, context_buffer_chars=0)
    assert (told["match_count"], told["whole"], told["of_traces"]) == (2, True, 3)
    assert [(each["trace_id"], each["span_name"]) for each in told["matches"]] == [(BAD, "refund"), (BAD, "again")]
    assert {each["matched_context"] for each in told["matches"]} == {REFUSED}
    assert (BAD, span_id("bad/again").hex()) in work.shown.spans


async def test_a_search_reads_only_the_spans_that_the_index_leaves(work: Work) -> None:
    """Filters on spans and on traces hold together with the pattern."""
    by_span = await call(work, "search_spans", regex_pattern=r"\d{4}", spans={"names": ["again"], "kinds": ["TOOL"]})
    assert {each["span_name"] for each in by_span["matches"]} == {"again"}
    assert by_span["of_traces"] == 1
    by_trace = await call(work, "search_spans", regex_pattern="openinference", filters={"model_names": ["small"]})
    assert {each["trace_id"] for each in by_trace["matches"]} == {GOOD}
    with pytest.raises(ToolError, match="not both"):
        await call(work, "search_spans", regex_pattern="a", text="b")


async def test_spans_are_listed_by_what_the_index_knows(work: Work) -> None:
    """The slowest failed call of all, and how many there are."""
    told = await call(work, "search_spans", spans={"statuses": ["ERROR"]}, sort="duration", order="desc", max_matches=1)
    (slowest,) = told["matches"]
    assert (slowest["span_name"], slowest["duration_ms"], slowest["tool"]) == ("again", 5000.0, "refund")
    assert (told["match_count"], told["has_more"]) == (2, True)
    assert (BAD, slowest["span_id"]) in work.shown.spans
    same = {"errors": ["not FOUND"], "min_duration_ms": 2000, "max_duration_ms": 9000, "tools": ["refund"]}
    assert (await call(work, "search_spans", spans=same))["matches"] == told["matches"]
    assert (await call(work, "search_spans", spans={"min_tokens": 1200}))["match_count"] == 1


async def test_groups_count_and_measure(work: Work) -> None:
    """Sums and percentiles are of the spans recorded; the total is of all."""
    told = await call(work, "group_spans", by=["kind"], measures=["duration_ms", "tokens"])
    by_kind = {each["kind"]: each for each in told["groups"]}
    tools = by_kind["TOOL"]
    assert (tools["spans"], tools["traces"], tools["errors"], tools["error_rate"]) == (3, 2, 2, 0.6667)
    assert tools["duration_ms"] == {"recorded": 3, "sum": 7000.0, "p50": 1000.0, "p90": 4200.0, "p99": 4920.0}
    assert by_kind["LLM"]["tokens"] == {"recorded": 2, "sum": 1320.0, "p50": 660.0, "p90": 1092.0, "p99": 1189.2}
    assert (told["group_count"], told["total"]["spans"], told["total"]["traces"]) == (4, 8, 3)


@pytest.mark.parametrize(
    ("by", "filters", "expected"),
    [
        ("version", {}, [("1.1", 4), ("1.0", 3), ("", 1)]),
        ("session", {}, [(None, 5), ("s-1", 3)]),
        ("tool", {"tools": ["refund"]}, [("refund", 2), (None, 2)]),
        ("model", {"text": "shoes"}, [(None, 2), ("small", 1)]),
        ("hour", {}, [("2023-11-14T23:00Z", 4), ("2023-11-14T22:00Z", 3), ("2023-11-15T00:00Z", 1)]),
        ("day", {"text": "no such text"}, []),
    ],
)
async def test_spans_are_grouped_by_what_they_share(
    work: Work, by: str, filters: dict[str, object], expected: list[tuple[str | None, int]]
) -> None:
    """Whatever the filters are and whoever knows the property."""
    told = await call(work, "group_spans", by=[by], filters=filters)
    assert [(each[by], each["spans"]) for each in told["groups"]] == expected


async def test_groups_are_ordered_and_paged(work: Work) -> None:
    """By rate, by sum or by name; a page tells how many groups there are."""
    told = await call(work, "group_spans", by=["tool", "status"], sort="error_rate", limit=1)
    assert [(each["tool"], each["status"]) for each in told["groups"]] == [("refund", "ERROR")]
    assert told["group_count"] == 3
    named = await call(work, "group_spans", by=["name"], sort="value", limit=2, offset=1)
    assert [each["name"] for each in named["groups"]] == ["chat", "late"]


async def test_a_comparison_says_how_likely_chance_is(tmp_path: Path) -> None:
    """A failure rate that rose from 5 to 60 of 100 stands, an unchanged one does not."""
    failed = {"code": "STATUS_CODE_ERROR", "message": "no stock"}
    lines = []
    for number in range(200):
        is_new = number >= 100
        fails = number % 100 < (60 if is_new else 5)
        resource = {"attributes": {"service.name": "svc", "service.version": "2" if is_new else "1"}}
        root = line(1, f"{number + 1:032x}", resource=resource)
        tool = {"openinference.span.kind": "TOOL", "tool.name": "buy"}
        more = {"status": failed} if fails else {}
        lines += [root, line(2, f"{number + 1:032x}", resource=resource, attributes=tool, **more)]
    with at_work_on_lines(tmp_path, lines) as work:
        told = await call(work, "compare_windows", before={"versions": ["1"]}, after={"versions": ["2"]})
    assert told["traces"] == {"before": 100, "after": 100}
    assert (told["error_rate"]["before"]["rate"], told["error_rate"]["after"]["rate"]) == (0.05, 0.6)
    assert told["error_rate"]["after"]["ci_low"] < 0.6 < told["error_rate"]["after"]["ci_high"]
    (buy,) = told["tools"]
    assert (buy["what"], buy["after"]["affected"], buy["after"]["of"]) == ("buy", 60, 100)
    assert told["p_threshold"] is not None and buy["p_value"] <= told["p_threshold"]
    duration = next(each for each in told["per_trace"] if each["what"] == "duration_ms")
    assert duration["p_value"] > told["p_threshold"]
    (error,) = told["errors"]
    assert (error["what"], error["before"]["affected"]) == ("step 2: no stock", 5)


async def test_the_same_traces_are_not_compared_with_themselves(work: Work) -> None:
    """A model that forgets one side is told so."""
    with pytest.raises(ToolError, match="before and after are the same"):
        await call(work, "compare_windows", before={}, after={})


async def test_findings_come_with_their_queries_and_exemplars(shared_data: Path, tmp_path: Path) -> None:
    """What a model starts from: numbers it may claim, and ids it has then been shown."""
    lines = gzip.decompress((shared_data / "traces" / "claude_code_c4.spans.jsonl.gz").read_bytes()).splitlines()
    with at_work_on_lines(tmp_path, map(json.loads, lines[:3_000])) as work:
        told = await call(work, "get_findings", limit=3)
        assert told["total"] >= 1
        first = told["findings"][0]
        assert first["queries"][0]["name"] and first["counts"]["affected_spans"] > 0 and first["exemplars"]
        exemplar = first["exemplars"][0]
        assert (exemplar["trace_id"], exemplar["span_id"]) in work.shown.spans
        again = await call(work, "get_findings", id=first["fingerprint"])
        assert again["findings"] == [first]
        rest = await call(work, "get_findings", {"max_answer_bytes": 5_000}, offset=0, limit=200)
        assert rest["left_out"]["items"] + len(rest["findings"]) == told["total"]
        worst = await call(work, "get_findings", min_severity="critical", limit=200)
        assert all(each["severity"] == "critical" for each in worst["findings"])
        with pytest.raises(ToolError, match="without id"):
            await call(work, "get_findings", id="no such finding")


async def test_a_real_capture_is_looked_at_from_all_sides(shared_data: Path, tmp_path: Path) -> None:
    """Every number of one tool is the number of the others."""
    text = gzip.decompress((shared_data / "traces" / "halo" / "medium_traces.jsonl.gz").read_bytes()).decode()
    lines = [json.loads(each) for each in text.splitlines()]
    with at_work_on_lines(tmp_path, lines) as work:
        told = await call(work, "get_dataset_overview")
        assert told["total_spans"] == len(lines)
        assert told["total_traces"] == len({each["trace_id"] for each in lines})
        errors = sum(each["status"]["code"] == "STATUS_CODE_ERROR" for each in lines)
        assert told["otel_error_span_count"] == errors
        groups = await call(work, "group_spans", by=["status"])
        assert groups["total"]["spans"] == len(lines)
        by_pattern = await call(work, "count_traces", filters={"regex_pattern": '"code":"STATUS_CODE_ERROR"'})
        assert by_pattern["total"] == told["error_trace_count"]
        name = next(each["name"] for each in lines if each["name"].isidentifier())
        found = await call(work, "search_spans", regex_pattern=f'"name":"{name}"', max_matches=1)
        assert found["match_count"] == sum(each["name"] == name for each in lines)
