"""`halo export`: a window as files, and what reading these files again gives."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import halo
from domain.otlp import AnyValue, Span, any_value
from domain.spans import SpanKind, StoredSpan
from store.backends.sqlite import Config as StoreConfig
from store.backends.sqlite import create, load_window, open_reader
from store.base import Selection
from store.loading import LoadReport, read_trace_files
from tests.store.log_kit import keep_logs, make_record
from tests.store.window_kit import Clock, keep, make_span, open_store, trace_id, whole_trace

Ids = tuple[str, str]


def run(*words: object) -> Result:
    return CliRunner(env={"HALO_DATA_DIR": None}).invoke(halo, ["export", *map(str, words)])


def rich_span() -> Span:
    """Whatever a span may carry."""
    span = make_span(
        "rich",
        "root",
        kind=SpanKind.AGENT,
        agent__name="writer",
        n=2**60,
        pi=0.5,
        yes=True,
        none="",
        text="grün\u2028\n",
    )
    span.attributes.add(key="list").value.CopyFrom(any_value(["a", 1, {"deep": [None]}]))
    span.attributes.add(key="bytes").value.bytes_value = b"\0\xff"
    span.attributes.add(key="nothing").value.CopyFrom(AnyValue())
    span.trace_state, span.flags, span.dropped_attributes_count = "a=b", 257, 3
    span.events.add(name="e", time_unix_nano=span.start_time_unix_nano + 5).attributes.add(key="k").value.int_value = 1
    link = span.links.add(trace_id=b"l" * 16, span_id=b"m" * 8, trace_state="x=y", flags=1)
    link.attributes.add(key="why").value.string_value = "linked"
    span.status.code = 2  # type: ignore[assignment]
    span.status.message = "broken"
    return span


async def fill(directory: Path) -> None:
    clock = Clock()
    async with open_store(directory, clock) as store:
        await keep(store, rich_span(), make_span("rich", "open", "root", end_s=-1), service="writers")
        await keep(store, *whole_trace("other", 4), service="elsewhere")
        await keep_logs(store, make_record("rich", "root", body={"content": "from a log"}))
        clock.forward(60)
        await store.fold()
        await keep(
            store, make_span("hot", "root", start_s=100, kind=SpanKind.AGENT, agent__name="writer"), service="writers"
        )


@pytest.fixture
def window(tmp_path: Path) -> Path:
    asyncio.run(fill(tmp_path / "data"))
    return tmp_path / "data"


def spans_in(directory: Path) -> dict[Ids, StoredSpan]:
    with open_reader(directory) as reader:
        traces = list(reader.read(reader.keys(Selection(0, 2**63 - 1))))
    return {(span.trace_id, span.span_id): span for trace in traces for span in trace.spans}


def spans_loaded(path: Path, directory: Path) -> dict[Ids, StoredSpan]:
    report = LoadReport()
    with load_window(read_trace_files([path], report), directory):
        assert report.bad_lines == 0, report.bad
    return spans_in(directory)


def as_otlp(stored: Mapping[Ids, StoredSpan]) -> dict[Ids, tuple[Any, ...]]:
    return {key: (each.span, each.resource, each.scope) for key, each in stored.items()}


def test_what_is_exported_as_otlp_is_read_again_the_same(window: Path, tmp_path: Path) -> None:
    """An export that loses anything is no way out of HALO, and no way to send a bug report."""
    result = run("--data-dir", window, "-o", tmp_path / "out.jsonl")
    exported = spans_in(window)

    assert result.exit_code == 0, result.output
    assert "7 spans of 3 traces written" in result.stderr
    assert json.loads(run("--data-dir", window, "-o", tmp_path / "2", "--json").stdout)["spans"] == 7
    assert len(exported) == 7
    assert as_otlp(spans_loaded(tmp_path / "out.jsonl", tmp_path / "again")) == as_otlp(exported)


def test_what_is_exported_as_span_lines_is_read_again_as_far_as_json_goes(window: Path, tmp_path: Path) -> None:
    """HALO's own format: all but the difference between bytes and text, and a link's flags."""
    result = run("--data-dir", window, "--format", "halo-jsonl", "-o", tmp_path / "out.jsonl")
    again = as_otlp(spans_loaded(tmp_path / "out.jsonl", tmp_path / "again"))
    expected = as_otlp(spans_in(window))
    span = next(span for span, _, _ in expected.values() if span.links)
    next(item for item in span.attributes if item.key == "bytes").value.string_value = "AP8="
    span.links[0].flags = 0

    assert result.exit_code == 0, result.output
    assert again == expected


def test_a_joined_log_record_is_exported_as_an_event_of_its_span(window: Path) -> None:
    """A file has no second signal to join; what was seen of a span is in the span."""
    line = next(
        line for line in run("--data-dir", window, "--trace", trace_id("rich").hex()).stdout.rstrip("\n").split("\n")
    )
    spans = [
        span
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    names = [event["name"] for span in spans for event in span.get("events", [])]

    assert names == ["e", "gen_ai.user.message"]


def test_every_span_line_satisfies_halos_own_reader(window: Path) -> None:
    """HALO's engine refuses other keys in status, resource and scope, and wants text for ids and times."""
    lines = [
        json.loads(line) for line in run("--data-dir", window, "--format", "halo-jsonl").stdout.rstrip("\n").split("\n")
    ]

    assert len(lines) == 7
    for line in lines:
        required = ("trace_id", "span_id", "parent_span_id", "trace_state", "name", "kind", "start_time", "end_time")
        assert all(isinstance(line[key], str) for key in required)
        assert line["status"].keys() == {"code", "message"}
        assert line["resource"].keys() == {"attributes"}
        assert line["scope"].keys() == {"name", "version"}
        assert line["start_time"].endswith("Z")
        assert line["kind"].startswith("SPAN_KIND_")


def test_a_file_whose_ids_were_no_otlp_ids_gets_them_back(tmp_path: Path) -> None:
    """Who brought `run-1` wants to find `run-1` in what is exported."""
    lines = [
        {"trace_id": "run-1", "span_id": "a", "name": "root", "start_time": "2025-01-01T00:00:00.5Z"},
        {"trace_id": "run-1", "span_id": "b", "parent_span_id": "a", "name": "x", "start_time": "2025-01-01T00:00:01Z"},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    loaded = as_otlp(spans_loaded(tmp_path / "in.jsonl", tmp_path / "window"))
    result = run("--data-dir", tmp_path / "window", "--format", "halo-jsonl", "-o", tmp_path / "out.jsonl")
    told = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]

    assert result.exit_code == 0, result.output
    assert [(each["trace_id"], each["span_id"], each["parent_span_id"]) for each in told] == [
        ("run-1", "a", ""),
        ("run-1", "b", "a"),
    ]
    assert as_otlp(spans_loaded(tmp_path / "out.jsonl", tmp_path / "again")) == loaded


def test_agent_since_and_trace_choose_what_is_exported(window: Path) -> None:
    """Handing over one agent's traces must not hand over everybody's."""

    def count(*words: object) -> int:
        result = run("--data-dir", window, "--format", "halo-jsonl", *words)
        assert result.exit_code == 0, result.output
        return result.stdout.count("\n")

    assert count("--agent", "writer") == 3
    assert count("--agent", "elsewhere") == 4
    assert count("--trace", trace_id("hot").hex(), "--trace", trace_id("other").hex()[:8]) == 5
    assert count("--since", "2023-11-14T22:14:00+00:00") == 1  # between the first traces and the last
    assert count("--since", "1h") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--agent", "nobody"), "no agent 'nobody'"),
        (("--trace", "abcdef00"), "no trace 'abcdef00'"),
        (("--since", "yesterday"), "'yesterday' is no time"),
        (("--trace", "abcdef00", "--agent", "writer"), "leave out --agent"),
        (("-o", "-", "--json"), "give -o FILE"),
    ],
)
def test_a_choice_that_cannot_be_made_is_one_line(window: Path, words: tuple[str, ...], said: str) -> None:
    """And never an empty file that looks like an answer."""
    result = run("--data-dir", window, "-o", window.parent / "out", *words)

    assert result.exit_code != 0
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (window.parent / "out").exists()


def test_a_file_is_there_as_a_whole_or_not_at_all(
    window: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an export under the final name would be taken for a whole one."""
    target = tmp_path / "out.jsonl"
    target.write_text("from before")

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("domain.halo_lines.encode_lines", broken)
    result = run("--data-dir", window, "--format", "halo-jsonl", "-o", target)

    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert target.read_text() == "from before"
    assert {each.name for each in tmp_path.iterdir()} == {"data", "out.jsonl"}


def test_a_window_that_a_sidecar_is_writing_can_be_exported(tmp_path: Path) -> None:
    """An export must not need the sidecar to be stopped."""

    async def running() -> Result:
        async with create(StoreConfig(directory=tmp_path / "data")) as store:
            await keep(store, *whole_trace("t"))
            return await asyncio.to_thread(run, "--data-dir", tmp_path / "data")

    result = asyncio.run(running())

    assert result.exit_code == 0, result.output
    assert "3 spans of 1 traces" in result.stderr


def test_long_traces_are_written_in_requests_of_bounded_size(tmp_path: Path) -> None:
    """A line must fit the memory of whoever reads it."""

    async def long_trace() -> None:
        async with open_store(tmp_path / "data", Clock()) as store:
            await keep(store, *whole_trace("t", 1_200))

    asyncio.run(long_trace())
    lines = run("--data-dir", tmp_path / "data").stdout.rstrip("\n").split("\n")

    assert [line.count('"spanId"') for line in lines] == [512, 512, 176]
