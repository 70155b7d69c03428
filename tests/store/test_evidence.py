"""The evidence database: what goes in comes out, in other hands and years later."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import PermanentError
from store.base import EvidenceBundle
from store.evidence import VERSION, read_evidence, write_evidence

CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
BUNDLE = EvidenceBundle(("trace_id", "tool", "count"), [("a", "x'); DROP TABLE facts; --", 3)], b"bytes", {"k": "v"})


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8),
    cited=st.binary(max_size=500),
    meta=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text("abc"), max_size=3),
)
def test_whatever_is_frozen_is_read_back(rows, cited, meta):
    """`halo verify` recomputes from nothing else."""
    columns = ("order", "select_2", "x")

    back = read_evidence(write_evidence(EvidenceBundle(columns, iter(rows), cited, meta)))
    assert (back.columns, back.rows, back.cited, back.meta) == (columns, rows, cited, meta)


def test_anyone_with_sqlite_can_read_it(tmp_path):
    """A proof that needs the accused to be read is none."""
    path = tmp_path / "run.evidence.db"
    path.write_bytes(write_evidence(BUNDLE))

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT tool, count FROM facts").fetchall() == [("x'); DROP TABLE facts; --", 3)]
        assert connection.execute("SELECT value FROM meta WHERE key = 'k'").fetchall() == [("v",)]
    assert read_evidence(path) == EvidenceBundle(BUNDLE.columns, BUNDLE.rows, BUNDLE.cited, BUNDLE.meta)


def test_the_same_evidence_is_the_same_bytes():
    """So that two copies can be compared."""
    assert write_evidence(BUNDLE) == write_evidence(BUNDLE)


@pytest.mark.parametrize("columns", [(), ("a", "a"), ('x"; DROP',), ("Upper",)])
def test_a_column_that_is_no_name_is_refused(columns):
    """Columns become SQL."""
    with pytest.raises(ValueError, match="columns must be different names"):
        write_evidence(EvidenceBundle(columns, [], b"", {}))


def tampered(sql: str) -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(write_evidence(BUNDLE))
        connection.executescript(sql)
        return connection.serialize()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"no database" * 999, "no evidence database"),
        (write_evidence(BUNDLE)[:5000], "damaged"),
        (tampered("PRAGMA application_id=7"), "no evidence database"),
        (tampered(f"PRAGMA user_version={VERSION + 1}"), "newer HALO"),
        (tampered("DROP TABLE facts"), "damaged"),
        (tampered("DELETE FROM cited"), "damaged"),
        (tampered("UPDATE cited SET traces_data_zstd = 'text'"), "damaged"),
        (tampered("UPDATE cited SET traces_data_zstd = x'28b52ffd00'"), "damaged"),
    ],
)
def test_what_is_no_evidence_is_refused_in_one_line(data, said):
    """A file somebody sends is not to be trusted."""
    with pytest.raises(PermanentError, match=said) as raised:
        read_evidence(data)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    """The path was typed by a person."""
    with pytest.raises(PermanentError, match=r"nowhere\.db cannot be read: No such file"):
        read_evidence(tmp_path / "nowhere.db")
