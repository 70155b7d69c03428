"""Trace files are read as streams, whatever compresses them, and a bad line costs only itself."""

import bz2
import gzip
import json
import lzma
import os
import random
import re
import threading
from pathlib import Path

import pytest
import zstandard

from domain.errors import PermanentError
from domain.otlp import ExportTraceServiceRequest
from store import loading
from store.loading import LoadReport, read_trace_files


def _line(number: int, **changes: object) -> bytes:
    span = {
        "trace_id": f"{number // 3 + 1:032x}",
        "span_id": f"{number + 1:016x}",
        "name": f"span {number}",
        "start_time": "2025-03-19T16:32:08Z",
        "resource": {"attributes": {"service.name": "agent"}},
        "scope": {"name": "lib"},
    }
    return json.dumps({**span, **changes}).encode() + b"\n"


def _lines(count: int, *, first: int = 0) -> bytes:
    return b"".join(_line(number) for number in range(first, first + count))


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _names(requests: list[bytes]) -> list[str]:
    messages = map(ExportTraceServiceRequest.FromString, requests)
    return [
        span.name
        for message in messages
        for resource_spans in message.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def _load(*paths: Path) -> tuple[list[str], LoadReport, list[bytes]]:
    report = LoadReport()
    requests = list(read_trace_files(paths, report))
    return _names(requests), report, requests


def _expected(count: int) -> list[str]:
    return [f"span {number}" for number in range(count)]


_COMPRESS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": lambda data: bz2.compress(data, 1),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "gzip members": lambda data: gzip.compress(data[:1000]) + b"\0" * 512 + gzip.compress(data[1000:]),
    "bzip2 streams": lambda data: bz2.compress(data[:1000]) + bz2.compress(data[1000:]),
    "xz streams": lambda data: lzma.compress(data[:1000]) + b"\0" * 4 + lzma.compress(data[1000:]),
    "zstd frames": lambda data: (
        zstandard.ZstdCompressor().compress(data[:1000]) + zstandard.ZstdCompressor().compress(data[1000:])
    ),
}


@pytest.mark.parametrize("form", _COMPRESS)
def test_a_file_is_known_by_its_first_bytes_and_not_by_its_name(form: str, tmp_path: Path) -> None:
    """Files are renamed, concatenated and compressed by whoever passes them on."""
    path = _write(tmp_path / "traces.txt", _COMPRESS[form](_lines(50)))
    names, report, _ = _load(path)

    assert names == _expected(50)
    assert (report.lines, report.spans, report.bad_lines) == (50, 50, 0)


def test_byte_order_marks_carriage_returns_and_blank_lines_are_no_errors(tmp_path: Path) -> None:
    """Editors and Windows add them; they carry nothing."""
    content = b"\xef\xbb\xbf" + _lines(2).replace(b"\n", b"\r\n") + b"\r\n   \n" + _line(2).rstrip(b"\n")
    names, report, _ = _load(_write(tmp_path / "a.jsonl", content))

    assert names == _expected(3)
    assert (report.lines, report.bad_lines) == (3, 0)


def test_a_bad_line_is_counted_and_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    """A person must find the line; a report must not hang on it."""
    content = _line(0) + b"{broken\n" + _line(1) + b'{"trace_id": "t"}\n' + _line(2)[:-20]
    path = _write(tmp_path / "a.jsonl", content)
    names, report, _ = _load(path)

    assert names == _expected(2)
    assert (report.lines, report.spans, report.bad_lines) == (5, 2, 3)
    assert [bad.line for bad in report.bad] == [2, 4, 5]
    assert str(report.bad[1]) == f"{path}:4: span_id: missing"


def test_bad_lines_beyond_the_limit_are_counted_but_not_kept(tmp_path: Path) -> None:
    """A file of another kind has a million bad lines; its report must not hold them."""
    count = loading.MAX_BAD_LINES_KEPT + 30
    _, report, _ = _load(_write(tmp_path / "a.jsonl", b"no\n" * count + _line(0)))

    assert (report.bad_lines, len(report.bad)) == (count, loading.MAX_BAD_LINES_KEPT)


def _noisy_lines(count: int) -> bytes:
    chance = random.Random(7)
    return b"".join(_line(number, attributes={"noise": chance.randbytes(200).hex()}) for number in range(count))


@pytest.mark.parametrize("form", ["gzip", "xz", "zstd", "bzip2"])
def test_a_truncated_file_keeps_what_could_be_read_and_is_named(form: str, tmp_path: Path) -> None:
    """Half a download still tells of half the failures, and the report must say that it is half."""
    data = _COMPRESS[form](_noisy_lines(400))
    path = _write(tmp_path / "a", data[: len(data) * 2 // 3])
    names, report, _ = _load(path, _write(tmp_path / "b", _line(400)))

    assert 1 < len(names) < 401
    assert names == [*_expected(len(names) - 1), "span 400"]
    assert [(bad.file, bad.line) for bad in report.bad] == [(str(path), len(names))]
    assert report.bad[0].reason == f"truncated {form} data; kept what came before"


@pytest.mark.parametrize("form", ["gzip", "zstd", "bzip2"])
def test_a_damaged_file_is_named_and_what_came_before_is_kept(form: str, tmp_path: Path) -> None:
    """A flipped bit in the middle of a compressed file costs what lies behind it."""
    data = bytearray(_COMPRESS[form](_noisy_lines(2_000)))
    cut = len(data) * 2 // 3
    data[cut : cut + 64] = bytes(byte ^ 0xFF for byte in data[cut : cut + 64])
    path = _write(tmp_path / "a", bytes(data))
    names, report, _ = _load(path)

    kept = next(at for at, name in enumerate([*names, ""]) if name != f"span {at}")
    assert kept > 500
    assert re.search(f"(damaged|truncated) {form} data", report.bad[-1].reason)


def test_requests_are_bounded_in_spans_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store takes requests of exporter size; a file must not become one request."""
    monkeypatch.setattr(loading, "MAX_REQUEST_SPANS", 16)
    monkeypatch.setattr(loading, "MAX_REQUEST_BYTES", 4_000)
    big = b"".join(_line(number, attributes={"text": "x" * 1_500}) for number in range(40, 46))
    huge = _line(46, attributes={"text": "x" * 20_000})
    names, _, requests = _load(_write(tmp_path / "a.jsonl", _lines(40) + big + huge))

    assert names == _expected(47)
    assert max(len(_names([request])) for request in requests) == 16
    assert [len(_names([request])) for request in requests if len(request) > 4_000] == [1]


def test_neighbours_share_their_resource_and_scope(tmp_path: Path) -> None:
    """Repeating the resource for every span would make a window larger than the file."""
    _, _, (request,) = _load(_write(tmp_path / "a.jsonl", _lines(20)))

    message = ExportTraceServiceRequest.FromString(request)
    assert (len(message.resource_spans), len(message.resource_spans[0].scope_spans)) == (1, 1)


def test_span_lines_and_otlp_documents_may_stand_in_one_file(tmp_path: Path) -> None:
    """One store, one query path: a document is cut into the same requests."""
    span = {"traceId": "0af7651916cd43dd8448eb211c80319c", "name": "native"}
    spans = [{**span, "spanId": f"{number:016x}"} for number in range(1, 601)]
    document = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    names, report, requests = _load(_write(tmp_path / "a.jsonl", _line(0) + document + b"\n"))

    assert (len(names), report.lines, report.spans) == (601, 2, 601)
    assert [len(_names([request])) for request in requests] == [512, 89]


def test_an_overlong_line_costs_itself_and_not_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without line ends must not be read whole."""
    monkeypatch.setattr(loading, "MAX_LINE_BYTES", 100_000)
    content = _line(0) + b"x" * 1_000_000 + b"\n" + _line(1)
    names, report, _ = _load(_write(tmp_path / "a.jsonl", content))

    assert names == _expected(2)
    assert [bad.line for bad in report.bad] == [2]
    assert "longer than" in report.bad[0].reason


@pytest.mark.parametrize("form", ["plain", "gzip"])
def test_an_encoded_request_is_read_like_text(form: str, tmp_path: Path) -> None:
    """What was captured from the wire is a trace file too."""
    _, _, requests = _load(_write(tmp_path / "a", _lines(50)))
    names, report, again = _load(_write(tmp_path / "traces.bin", _COMPRESS[form](requests[0])))

    assert names == _expected(50)
    assert again == requests
    assert (report.spans, report.bad_lines) == (50, 0)


@pytest.mark.parametrize("content", [b"\n\x05nope", b"\n{\n" + b"x" * 200, b"\n\n\n\x80"])
def test_bytes_that_only_look_encoded_are_one_bad_line(content: bytes, tmp_path: Path) -> None:
    """Some other program's file must be named, not guessed at."""
    names, report, _ = _load(_write(tmp_path / "a", content), _write(tmp_path / "b", _line(0)))

    assert names == _expected(1)
    assert [bad.reason for bad in report.bad] == ["neither text nor an encoded OTLP trace request"]


def test_blank_lines_before_the_first_span_do_not_make_a_file_binary(tmp_path: Path) -> None:
    """An encoded request begins with the byte of a line feed."""
    assert _load(_write(tmp_path / "a", b"\n\n  \n" + _lines(2)))[0] == _expected(2)


def test_the_bytes_read_are_told_for_whoever_shows_progress(tmp_path: Path) -> None:
    """Of a compressed file those on disk, since only their number is known before."""
    paths = [_write(tmp_path / "a", gzip.compress(_lines(50))), _write(tmp_path / "b", _lines(5))]

    assert _load(*paths)[1].read_bytes == sum(path.stat().st_size for path in paths)


def test_several_files_are_one_stream(tmp_path: Path) -> None:
    """A trace may be spread over files."""
    first, second = _write(tmp_path / "a", _lines(2)), _write(tmp_path / "b", gzip.compress(_lines(2, first=2)))

    assert _load(first, second)[0] == _expected(4)


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    """`halo <(curl …)` is how people try things."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(gzip.compress(_lines(3)),))
    writer.start()
    names, _, _ = _load(path)
    writer.join()

    assert names == _expected(3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no spans; expected one JSON span or OTLP/JSON document a line"),
        (b"no\nno\n", "no usable span in 2 lines; first problem: "),
    ],
)
def test_nothing_left_is_an_error_that_names_the_first_problem(content: bytes, says: str, tmp_path: Path) -> None:
    """An empty report over a wrong file would look like good news."""
    with pytest.raises(PermanentError, match=says):
        _load(_write(tmp_path / "a.jsonl", content))


def test_a_missing_file_is_said_before_anything_is_read(tmp_path: Path) -> None:
    """A typo in the last of ten files must not cost the reading of nine."""
    good, report = _write(tmp_path / "a", _line(0)), LoadReport()
    with pytest.raises(PermanentError, match="no such file"):
        next(read_trace_files([good, tmp_path / "typo"], report))
    with pytest.raises(PermanentError, match="is a directory"):
        next(read_trace_files([good, tmp_path], report))

    assert report.lines == 0


def test_the_shared_traces_are_read_whole(shared_data: Path) -> None:
    """2,024 real spans of 57 MB, in requests that the store takes."""
    names, report, requests = _load(shared_data / "traces" / "trail-dev.jsonl.xz")

    assert (len(names), report.spans, report.bad_lines) == (2_024, 2_024, 0)
    assert max(map(len, requests)) <= loading.MAX_REQUEST_BYTES + 2_048
