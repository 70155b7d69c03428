"""The window of some trace files: opened again when they are unchanged, prolonged when they have grown, else made anew.

A window that cannot be kept beside its files, and one of pipes, lives in a temporary directory.
"""

import copy
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path

from store.filing import records
from store.filing.filling import fill
from store.filing.places import Place, being_read, place_of
from store.filing.records import FileRecord, Record
from store.loading import FilePart, LoadReport, check_found, check_readable
from store.window.connecting import WINDOW_NAME, connect_reader, connect_writer
from store.window.loading import Filling, create_window, fold_all, open_loaded
from store.window.reader import SqliteReader
from store.window.spans import CACHED_BYTES
from store.window.transactions import transaction, translated


@contextmanager
def open_files(
    paths: Sequence[Path], index_dir: Path | None, report: LoadReport, *, step_bytes: int, frame_bytes: int
) -> Iterator[SqliteReader]:
    """As `store.backends.sqlite.load_files`."""
    check_readable(paths)
    making = _Making(paths, report, step_bytes, frame_bytes)
    with ExitStack() as kept:
        try:
            window = _window(making, paths, index_dir, kept)
        except sqlite3.Error as error:
            raise translated(error) from error
        yield kept.enter_context(open_loaded(window))


def _window(making: "_Making", paths: Sequence[Path], index_dir: Path | None, kept: ExitStack) -> Path:
    if all(path.is_file() for path in paths):
        with suppress(OSError):
            return _beside(making, place_of(paths, index_dir), kept)
    return _temporary(making, kept)


def _temporary(making: "_Making", kept: ExitStack) -> Path:
    window = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="halo-")))
    making.make(window)
    return window


def _beside(making: "_Making", directory: Path, kept: ExitStack) -> Path:
    """The window in its place; only then may the place be unlocked."""
    with Place(directory) as place:
        window = place.current()
        if window is None or not making.use(window):
            with place.renewed() as window:
                making.make(window)
            window = place.current()
        assert window is not None
        kept.enter_context(being_read(window))
        return window


class _Making:
    """Makes and prolongs the window of one list of files; what is told of them goes into `report`."""

    def __init__(self, paths: Sequence[Path], report: LoadReport, step_bytes: int, frame_bytes: int) -> None:
        self._paths = paths
        self._report = report
        self._step_bytes, self._frame_bytes = step_bytes, frame_bytes
        self._full = [str(path.resolve()) for path in paths]
        self._names = dict(zip(map(str, paths), self._full, strict=True))

    def make(self, window: Path) -> None:
        """Load all files into a new window; PermanentError when nothing is found in them."""
        for each in fields(LoadReport):  # what was told of an attempt that failed half-way
            setattr(self._report, each.name, getattr(LoadReport(), each.name))
        stats = [path.stat() for path in self._paths]
        parts = [
            FilePart(path, end=stat.st_size if path.is_file() else None)
            for path, stat in zip(self._paths, stats, strict=True)
        ]
        connection = create_window(window)
        with closing(connection):
            filling = Filling(connection)
            with transaction(connection):
                fill(filling, parts, self._report)
                check_found(self._paths, self._report)
                filling.roll_up()
                if all(path.is_file() for path in self._paths):
                    records.save(connection, self._record(parts, stats))
            if filling.size_bytes > CACHED_BYTES:
                fold_all(connection, window, self._step_bytes, self._frame_bytes)

    def _record(self, parts: Sequence[FilePart], stats: Sequence[os.stat_result]) -> Record:
        files = [records.describe(part, stat, full) for part, stat, full in zip(parts, stats, self._full, strict=True)]
        return Record(tuple(files), self._settled(self._report, files))

    def use(self, window: Path) -> bool:
        """Bring a window up to date; False when it has to be made anew."""
        try:
            with closing(connect_reader(window / WINDOW_NAME)) as connection:
                record = records.load(connection)
            if record is None or [each.path for each in record.files] != self._full:
                return False
            if not all(map(records.is_unchanged, record.files)):
                record = self._prolonged(window, record)
        except sqlite3.DatabaseError:
            return False
        if record is not None:
            self._tell(record)
        return record is not None

    def _prolonged(self, window: Path, record: Record) -> Record | None:
        """The record of the window with what its files have gained; None when one has done anything else."""
        files, report = list(record.files), copy.deepcopy(record.report)
        grown: dict[int, tuple[FilePart, os.stat_result]] = {}
        for position, (path, file) in enumerate(zip(self._paths, files, strict=True)):
            if not records.is_unchanged(file):
                stat, rest = path.stat(), records.rest_of(file, path)
                if rest is None:
                    return None
                grown[position] = rest, stat
        with closing(connect_writer(window / WINDOW_NAME)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            filling = Filling(connection)
            with transaction(connection):
                fill(filling, [rest for rest, _ in grown.values()], report)
                filling.roll_up()
                for position, (rest, stat) in grown.items():
                    files[position] = records.describe(rest, stat, files[position].path)
                prolonged = Record(tuple(files), self._settled(report, files))
                records.save(connection, prolonged)
        return prolonged

    def _settled(self, report: LoadReport, files: Sequence[FileRecord]) -> LoadReport:
        """What to remember of a report: without cut lines, which may be whole next time, and with full paths."""
        size = sum(file.size for file in files)
        settled = replace(
            report, read_bytes=size, bad=[replace(bad, file=self._names.get(bad.file, bad.file)) for bad in report.bad]
        )
        for file in files:
            if file.cut is not None:
                settled.lines -= 1
                settled.bad_lines -= 1
                settled.bad = [bad for bad in settled.bad if bad != file.cut]
        return settled

    def _tell(self, record: Record) -> None:
        """Tell of an opened window what was told when its files were read."""
        names = {full: name for name, full in self._names.items()}
        cuts = [file.cut for file in record.files if file.cut is not None]
        found, told = record.report, self._report
        told.lines, told.spans, told.log_records = found.lines + len(cuts), found.spans, found.log_records
        told.read_bytes, told.bad_lines = found.read_bytes, found.bad_lines + len(cuts)
        told.bad = [replace(bad, file=names.get(bad.file, bad.file)) for bad in (*found.bad, *cuts)]
