"""control.db is the precious part: made durable, kept small, refused rather than replaced."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from domain.errors import ConfigError, RetryableError
from store.control import schema
from tests.store.control_kit import REPOSITORY, claimed, opened, saved


def query(directory, sql):
    with closing(sqlite3.connect(directory / "control.db")) as connection:
        return connection.execute(sql).fetchall()


def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    """A version that does not understand the runs must not touch them."""
    opened(tmp_path).close()
    query(tmp_path, f"PRAGMA user_version={schema.VERSION + 1}")
    before = (tmp_path / "control.db").read_bytes()

    with pytest.raises(ConfigError, match="newer HALO"):
        opened(tmp_path)
    assert (tmp_path / "control.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(("-wal", "-shm"))] == ["control.db"]


@pytest.mark.parametrize("content", [b"not a database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path, content):
    """Starting empty would look as if all schedules and reports had been deleted."""
    (tmp_path / "control.db").write_bytes(content)

    with pytest.raises(ConfigError, match="restore it from a backup"):
        opened(tmp_path)
    assert (tmp_path / "control.db").read_bytes() == content


def test_another_programs_database_is_refused(tmp_path):
    """Its tables would be mixed with ours."""
    query(tmp_path, "CREATE TABLE theirs (x)")

    with pytest.raises(ConfigError, match="no database of HALO"):
        opened(tmp_path)
    assert query(tmp_path, "SELECT name FROM sqlite_schema") == [("theirs",)]


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    """The person has to choose another one."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="--data-dir"):
        opened(tmp_path / "file" / "data")


def test_opening_twice_at_once_makes_one_database(tmp_path):
    """A child may open it while its parent still does."""
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: opened(tmp_path), range(4)))
    run = claimed(stores[0])
    saved(stores[1], run)

    assert stores[2].report(run.id) is not None
    for store in stores:
        store.close()
    assert query(tmp_path, "PRAGMA integrity_check") == [("ok",)]


def test_commits_are_synced(tmp_path):
    """A report that a power cut takes back was never saved."""
    with opened(tmp_path) as control:
        assert control._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert control._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_an_empty_store_weighs_little(tmp_path):
    """The data directory is measured against small data sets."""
    opened(tmp_path).close()

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 32 * 1024


def test_a_store_that_cannot_answer_now_says_so(tmp_path):
    """Callers keep what they have and ask again."""
    control = opened(tmp_path)
    control.close()

    with pytest.raises(RetryableError, match=r"control\.db cannot be used now"):
        control.runs()


def test_the_store_does_not_bring_numpy_or_sqlite_utils(tmp_path):
    """The serving process opens it, and must stay small."""
    program = "import sys, store.control; print(sorted({'numpy', 'sqlite_utils', 'pandas'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)

    assert answer.stdout.strip() == "[]"
