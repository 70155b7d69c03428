"""A window of files is opened again while they are unchanged, grows with them, and is made anew otherwise."""

import gzip
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from domain.errors import PermanentError
from store.backends.sqlite import load_files, load_window
from store.filing import reading
from store.filing.batches import Batch, read_batch
from store.loading import LoadReport, read_requests
from tests.store.filing_kit import Seen, contents, line, lines, seen, windows


def _afresh(tmp_path: Path, *paths: Path) -> Seen:
    """The files as a process sees them that has never seen them before."""
    return seen(*paths, index_dir=tmp_path / f"afresh-{len(list(tmp_path.iterdir()))}")


def test_lines_left_in_their_file_read_as_those_copied_into_a_window(tmp_path: Path) -> None:
    """One store, one query path: where the bytes are must show in no sum and in no span."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(500) + b"{broken\n" + line(500, status=2) + line(501, trace_id="my trace"))
    with load_window(read_requests([path], LoadReport()), tmp_path / "copied") as reader:
        copied = contents(reader)

    found = seen(path)
    assert found.traces == copied
    assert (found.report.lines, found.report.spans, found.report.bad_lines) == (503, 502, 1)


def test_an_unchanged_file_is_opened_and_told_of_as_before(tmp_path: Path) -> None:
    """A second question to the same file must not read it again, and must still say which lines are missing."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(60) + b"{broken\n")
    first = seen(path)
    made = [window.stat().st_ino for window in windows(tmp_path)]

    assert seen(path) == first
    assert [window.stat().st_ino for window in windows(tmp_path)] == made
    assert [(bad.file, bad.line) for bad in first.report.bad] == [(str(path), 61)]


def test_what_is_appended_is_added_and_nothing_else_is_read(tmp_path: Path) -> None:
    """A trace file grows while its agent works; reading all of it for every span would cost more each time."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(300))
    seen(path)
    (window,) = windows(tmp_path)
    with path.open("ab") as file:
        file.write(lines(10, first=300) + b"{broken\n")
    found = seen(path)

    assert windows(tmp_path) == [window]
    assert found == _afresh(tmp_path, path)
    assert (found.sums["spans"], found.report.bad[0].line) == (310, 311)


def test_of_a_grown_file_only_the_new_lines_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """O(appended), not O(file)."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(300))
    size = path.stat().st_size
    seen(path)
    with path.open("ab") as file:
        file.write(line(300))
    read: list[int] = []

    def recorded(path: Path, start: int, end: int) -> Batch:
        read.append(start)
        return read_batch(path, start, end)

    monkeypatch.setattr(reading, "read_batch", recorded)

    assert seen(path).sums["spans"] == 301
    assert read == [size]


def test_a_line_written_in_two_halves_is_bad_until_it_is_whole(tmp_path: Path) -> None:
    """Whoever reads while another writes sees half lines; they must be neither lost nor counted twice."""
    path, whole = tmp_path / "a.jsonl", line(7)
    path.write_bytes(lines(6) + whole[:50])
    half = seen(path)
    assert (half.report.lines, half.report.spans, half.report.bad_lines) == (7, 6, 1)
    assert seen(path) == half
    with path.open("ab") as file:
        file.write(whole[50:])
    found = seen(path)

    assert (found.report.lines, found.report.spans, found.report.bad_lines) == (7, 7, 0)
    assert len(windows(tmp_path)) == 1
    assert found == _afresh(tmp_path, path)


def test_a_last_line_without_its_end_is_used_and_may_be_ended_later(tmp_path: Path) -> None:
    """Many writers put line ends between lines, not behind them."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(6).rstrip(b"\n"))
    assert seen(path).sums["spans"] == 6
    with path.open("ab") as file:
        file.write(b"\n" + line(6).rstrip(b"\n"))
    found = seen(path)

    assert (found.report.lines, found.sums["spans"], len(windows(tmp_path))) == (7, 7, 1)
    assert found == _afresh(tmp_path, path)


def _rewrite_middle(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"span 3", b"SPAN 3"))


@pytest.mark.parametrize(
    "change",
    [
        _rewrite_middle,
        lambda path: path.write_bytes(lines(90)),
        lambda path: path.write_bytes(line(999) + lines(200)),
        lambda path: path.write_bytes(gzip.compress(lines(50))),
        lambda path: path.write_bytes(lines(120).rstrip(b"\n") + b" {}\n"),
    ],
    ids=["rewritten", "cut", "another beginning", "compressed", "its last line continued"],
)
def test_a_file_that_did_not_just_grow_is_read_anew(change: object, tmp_path: Path) -> None:
    """Counts of a file that is no longer there would be believed."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(120).rstrip(b"\n"))
    seen(path)
    assert callable(change)
    change(path)

    assert seen(path) == _afresh(tmp_path, path)
    assert len(windows(tmp_path / f"{path.name}.halo-window")) == 1


@pytest.mark.parametrize("harm", ["cut off", "of another version", "without a record", "emptied"])
def test_a_window_that_cannot_be_used_is_made_anew(harm: str, tmp_path: Path) -> None:
    """The files are the truth; a window of them is never worth an error."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(200))
    before = seen(path)
    (window,) = windows(tmp_path)
    database = window / "window.db"
    if harm == "cut off":
        os.truncate(database, 6_000)
    elif harm == "emptied":
        os.truncate(database, 0)
    else:
        with sqlite3.connect(database) as connection:
            connection.execute(
                "DELETE FROM meta WHERE key = 'files'"
                if harm == "without a record"
                else "UPDATE meta SET value = replace(value, '\"format\": \"', '\"format\": \"0') WHERE key = 'files'"
            )
        connection.close()

    assert seen(path) == before
    assert windows(tmp_path) != [window]


def test_compressed_files_are_kept_too_and_read_anew_when_they_change(tmp_path: Path) -> None:
    """They cannot be read on from the middle."""
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(lines(30)))
    first = seen(path)
    assert seen(path) == first
    path.write_bytes(gzip.compress(lines(30)) + gzip.compress(lines(3, first=30)))

    assert seen(path).sums["spans"] == 33


def test_several_files_are_one_window_of_which_each_may_grow(tmp_path: Path) -> None:
    """A trace may be spread over files, some of them compressed."""
    plain, packed, other = tmp_path / "a.jsonl", tmp_path / "b.gz", tmp_path / "c.jsonl"
    plain.write_bytes(lines(30))
    packed.write_bytes(gzip.compress(lines(4, first=30)))
    other.write_bytes(lines(9, first=34))
    assert seen(plain, packed, other).sums["spans"] == 43
    with other.open("ab") as file:
        file.write(line(43))
    found = seen(plain, packed, other)

    assert (found.sums["spans"], len(windows(tmp_path))) == (44, 1)
    assert found == _afresh(tmp_path, plain, packed, other)
    assert seen(plain).sums["spans"] == 30


def test_a_span_that_stands_there_twice_counts_once_and_the_later_end_wins(tmp_path: Path) -> None:
    """Exporters send again what was not acknowledged in time; files are concatenated."""
    path = tmp_path / "a.jsonl"
    longer = line(3, end_time="2025-03-19T17:00:00Z", name="longer")
    path.write_bytes(lines(30) + lines(30) + longer)
    found = seen(path)

    assert (found.sums["spans"], found.report.spans) == (30, 61)
    assert any(bytes.fromhex(raw).find(b"longer") > 0 for _, _, spans in found.traces for _, raw in spans)


def test_windows_are_private_and_beside_the_file_or_where_it_is_said(tmp_path: Path) -> None:
    """They hold what the traces hold: prompts, answers, personal data."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(3))
    seen(path)
    seen(path, index_dir=tmp_path / "elsewhere" / "deep")

    for directory in (tmp_path / "a.jsonl.halo-window", tmp_path / "elsewhere" / "deep"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert len(windows(directory)) == 1


def test_where_nothing_can_be_written_the_window_is_temporary(tmp_path: Path) -> None:
    """Traces lie on read-only mounts; they must be readable all the same."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(30))
    (tmp_path / "a.jsonl.halo-window").write_text("in the way")

    assert seen(path).sums["spans"] == 30
    assert windows(tmp_path) == []


def test_a_pipe_is_read_into_a_temporary_window(tmp_path: Path) -> None:
    """`halo <(curl …)` is how people try things."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(lines(30),))
    writer.start()
    found = seen(path)
    writer.join()

    assert found.sums["spans"] == 30
    assert windows(tmp_path) == []


def test_nothing_usable_leaves_no_window_and_says_why(tmp_path: Path) -> None:
    """A report on nothing would look like good news."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"no\n" * 3)
    for _ in range(2):
        with pytest.raises(PermanentError, match="no usable span in 3 lines"), load_files([path]):
            raise AssertionError("a window was given")

    assert not (tmp_path / "a.jsonl.halo-window").exists()


def test_a_file_changed_under_its_window_is_refused_where_it_is_read(tmp_path: Path) -> None:
    """Lines stay in their file; whoever overwrites it must not make up spans in a report."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(30))
    with load_files([path]) as reader:
        path.write_bytes(lines(30).replace(b"boom", b"doom"))
        with pytest.raises(PermanentError, match="has changed since it was loaded"):
            contents(reader)
