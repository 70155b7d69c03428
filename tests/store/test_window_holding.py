"""Which traces may hold a text: found wherever it lies and however a line writes it, and never one too few."""

import gzip
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.errors import PermanentError
from domain.halo_jsonl import decode_line
from store.backends.sqlite import load_files, load_window
from store.base import WindowReader
from store.window.holding import KEYS_AT_ONCE, doubtful_lines, sought_in_lines
from tests.domain.test_captures import captured
from tests.store.filing_kit import FOREVER, line
from tests.store.log_kit import keep_logs, make_record
from tests.store.window_kit import EVERYTHING, Clock, keep, make_span, open_store, request_of, trace_id, whole_trace

_CHARACTERS = st.sampled_from(list("abdefnrtuTN019 ,:.-{}[]<&\"\\/'\n\t\x01é\u2028😀"))
_WORDS = st.sampled_from(
    [
        "zweiundvierzig",
        "order",
        "4711",
        "decline",
        "feed",
        "é",
        "müller",
        '"refund"',
        "a/b",
        "true,",
        "null",
        "<b>",
        "\\n",
    ]
)
_TEXTS = st.text(_CHARACTERS, max_size=12) | st.lists(_WORDS, max_size=6).map(" ".join)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)


def holding(reader: WindowReader, text: str) -> set[str]:
    """The ids of the traces that may hold a text."""
    keys = reader.keys(EVERYTHING)
    return {trace.summary.trace_id for trace in reader.read(sorted(reader.holding(text.encode(), keys)))}


def named(*names: object) -> set[str]:
    """The ids of the traces that a test calls so."""
    return {trace_id(name).hex() for name in names}


async def test_a_text_is_found_in_hot_batches_and_in_frames(tmp_path: Path) -> None:
    """Where a span lies changes while it waits; what it says does not."""
    async with open_store(tmp_path, clock := Clock()) as store:
        await keep(store, make_span("a", "root", note="näedle"), make_span("b", "root", note={"deep": ["needle"]}))
        await keep(store, make_span("c", "needle"), make_span("d", "root", needle=1))
        await keep(store, *whole_trace("e"), service="needle")
        await keep(store, *whole_trace("f"))
        for is_folded in (False, True):
            if is_folded:
                clock.forward(3600)
                await store.maintain(force=True)
                assert store.reader().sums()["frames"] > 0
            assert holding(store.reader(), "needle") == named("b", "c", "d", "e")
            assert holding(store.reader(), "näedle") == named("a")
            assert holding(store.reader(), "nothing of the kind") == set()


async def test_only_traces_that_are_asked_for_are_found(tmp_path: Path) -> None:
    """A selection bounds what a run may see, and a batch holds the traces of others, too."""
    async with open_store(tmp_path, Clock()) as store:
        await keep(store, *(make_span(number, "root", note="needle") for number in range(KEYS_AT_ONCE + 9)))
        reader = store.reader()
        keys = reader.keys(EVERYTHING)
        assert reader.holding(b"needle", keys) == set(keys)
        assert reader.holding(b"needle", keys[3:5]) == set(keys[3:5])
        assert reader.holding(b"needle", ()) == set()


async def test_a_trace_with_log_records_may_hold_anything(tmp_path: Path) -> None:
    """A record reaches its span when that is read, as an event that is made then."""
    async with open_store(tmp_path, Clock()) as store:
        await keep(store, *whole_trace("a"), *whole_trace("b"))
        await keep_logs(store, make_record("a", "root", body={"content": "needle"}))
        assert holding(store.reader(), "needle") == named("a")


def test_a_text_is_found_in_a_file_of_span_lines(tmp_path: Path) -> None:
    """Three spans a trace; a line may write any letter as an escape, and a document bytes as base64."""
    document = {"traceId": f"{99:032x}", "spanId": f"{99:016x}", "name": "n", "startTimeUnixNano": "5"}
    document["attributes"] = [{"key": "k", "value": {"bytesValue": "bmVlZGxl"}}]  # type: ignore[assignment]
    written = [
        *(line(number) for number in range(9)),
        line(9, name="a needle"),
        line(12, attributes={"k": ["näedle", {"needle": 1}]}),
        line(15, status={"code": "STATUS_CODE_ERROR", "message": "néedle"}),
        line(18, name="placeholder").replace(b"placeholder", b"n\\u0065edle"),
        json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [document]}]}]}).encode() + b"\n",
    ]
    file = tmp_path / "t.jsonl"
    file.write_bytes(b"".join(written))
    with load_files([file], index_dir=tmp_path / "index") as reader:
        for _ in range(2):  # what is known of a passage after the first time finds the same
            assert holding(reader, "needle") == {f"{number:032x}" for number in (4, 5, 7, 99)}
        assert holding(reader, "näedle") >= {f"{5:032x}"}
        assert holding(reader, "néedle") >= {f"{6:032x}"}
        assert len(holding(reader, '"')) == len(reader.keys(FOREVER))


def test_a_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    """A count over other lines than those that were indexed is wrong and looks right."""
    file = tmp_path / "t.jsonl"
    file.write_bytes(line(0, name="one needle"))
    with load_files([file], index_dir=tmp_path / "index") as reader:
        keys = reader.keys(FOREVER)
        file.write_bytes(line(0, name="no meedle!"))
        with pytest.raises(PermanentError, match="has changed"):
            reader.holding(b"needle", keys)


def test_every_text_of_recorded_spans_is_found(shared_data: Path, tmp_path: Path) -> None:
    """Lines that HALO's exporter and a recorder of Claude Code wrote."""
    file = tmp_path / "t.jsonl"
    traces = shared_data / "traces"
    for path in (*(traces / "halo").glob("*.jsonl.gz"), traces / "claude_code_c4.spans.jsonl.gz"):
        with gzip.open(path) as recorded, file.open("ab") as written:
            written.writelines(islice(recorded, 200))
    with load_files([file], index_dir=tmp_path / "index") as reader:
        _all_found(reader, Random(5), 300)


def test_every_text_of_captured_requests_is_found(shared_data: Path, tmp_path: Path) -> None:
    """What clients of every dialect send, in batches."""
    names = [path.name.partition(".")[0] for path in (shared_data / "otlp" / "captured").iterdir()]
    found = [request for name in sorted(names) for request in captured(shared_data / "otlp" / "captured", name)]
    with load_window([request.SerializeToString() for request in found], tmp_path) as reader:
        _all_found(reader, Random(5), 300)


def test_every_text_of_requests_is_found(tmp_path: Path) -> None:
    """In a window of requests, where several traces share a batch and an envelope."""
    spans = [make_span(n // 3, n, note=f"text number {n} é", k__n={"deep": [f"value {n * n}"]}) for n in range(60)]
    with load_window(
        [request_of(spans[at : at + 7]).SerializeToString() for at in range(0, 60, 7)], tmp_path
    ) as reader:
        _all_found(reader, Random(6), 200)


def _all_found(reader: WindowReader, chance: Random, most: int) -> None:
    keys = reader.keys(FOREVER)
    said = [
        (key, text)
        for key in keys
        for trace in reader.read([key])
        for stored in trace.spans
        for owner in (stored.span, stored.resource, stored.scope)
        for text in texts_of(owner)
    ]
    assert said
    for key, text in chance.sample(said, min(most, len(said))):
        start = chance.randrange(len(text) + 1)
        piece = text[start : start + chance.randint(1, 30)]
        assert key in reader.holding(piece.encode(), keys), piece


def texts_of(message: Message) -> Iterator[str]:
    """All texts of a message."""
    for field, value in message.ListFields():
        for each in value if field.is_repeated else (value,):
            if isinstance(each, Message):
                yield from texts_of(each)
            elif isinstance(each, str):
                yield each


@settings(max_examples=200, deadline=None)
@given(st.lists(_VALUES, min_size=8, max_size=8), _TEXTS, st.booleans(), st.randoms(use_true_random=False), st.data())
def test_no_line_hides_a_text_of_its_span(
    values: Sequence[Any], key: str, is_deep: bool, chance: Random, data: st.DataObject
) -> None:
    """For any values at any place, any escapes, and any part of any text of the decoded span."""
    name, message, scope, source, *others = values
    if is_deep:
        for _ in range(30):
            others[0] = [others[0]]
    span = {
        "trace_id": str(source) or "t",
        "span_id": "s",
        "name": name,
        "start_time": 5,
        "status": {"message": message},
        "scope": {"name": scope},
        "resource": {"attributes": {key: others[1]}},
        "attributes": {key: others[0], "k": others[2]},
        "events": [{"name": others[3], "attributes": {"e": others[1]}}],
    }
    written = _written(span, chance).encode()
    try:
        decoded = decode_line(written)
    except PermanentError:
        assume(False)
        raise
    text = data.draw(st.sampled_from(sorted(set(texts_of(decoded)), key=len, reverse=True)))
    start = data.draw(st.integers(0, len(text) // 2))
    piece = text[start : data.draw(st.integers(min(start + 8, len(text)), len(text)))]
    part = sought_in_lines(piece.encode())
    assert part in written or doubtful_lines(written), piece


def _written(value: Any, chance: Random) -> str:
    """A value as JSON, each character of a text as it is or escaped, as chance has it."""
    if isinstance(value, str):
        return '"' + "".join(_character(each, chance) for each in value) + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{_written(key, chance)}:{_written(each, chance)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(each, chance) for each in value) + "]"
    return json.dumps(value)


def _character(character: str, chance: Random) -> str:
    if ord(character) < 128 and chance.random() < 0.005:
        return f"\\u{ord(character):04X}"
    if character == "/" and chance.random() < 0.5:
        return "\\/"
    return json.dumps(character, ensure_ascii=chance.random() < 0.5)[1:-1]


@pytest.mark.parametrize(
    ("text", "sought"),
    [
        ("zweiundvierzig", "zweiundvierzig"),
        ("a/order refused: 4711\n", "order refused: 4711"),
        ("a <b> & order refused'", " order refused"),
        ("é is not written so", " is not written so"),
    ],
)
def test_a_plain_word_is_sought_as_it_is(text: str, sought: str) -> None:
    """Where nothing could be sought every trace would have to be read."""
    assert sought_in_lines(text.encode()) == sought.encode()


@pytest.mark.parametrize("text", ["ab", "true", "1, 2", "u00e9", "dead", "halo.source.trace_id", '"\\/'])
def test_what_a_decoded_span_may_say_without_its_line_is_not_sought(text: str) -> None:
    """These come from numbers, from values kept as JSON text, or from the decoder."""
    assert sought_in_lines(text.encode()) == b""


def test_a_line_is_in_doubt_only_where_an_escape_can_hide_a_text() -> None:
    """Many writers escape what HTML knows; were all their lines in doubt, every trace would have to be read."""
    lines = [rb'{"a":"\u003cb\u003E\u0026\u0027\u00e9\n"}', rb'{"a":"\u0061"}', rb'{"resourceSpans":[]}', rb'{"a":1}']
    assert doubtful_lines(b"\n".join(lines)) == {1, 2}
