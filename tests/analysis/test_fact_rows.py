"""Facts survive as rows: what a report is verified against later is what it was counted from."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.extraction import trace_facts
from analysis.fact_rows import fact_columns, fact_rows, facts_from_rows
from analysis.facts import FactWindow, RequestedCall, SpanFact, TraceFacts
from domain.errors import PermanentError
from domain.spans import SpanKind, SpanStatus
from tests.analysis.stored import file_window, one_trace
from tests.spans import make_span

_TEXT = st.text(max_size=6)
_CALLS = st.builds(RequestedCall, _TEXT, _TEXT, _TEXT, _TEXT, st.none() | st.booleans())
_NUMBERS = st.integers(0, 2**63 - 1)
FACTS = st.builds(
    SpanFact,
    trace_id=st.sampled_from(["t1", "t2"]),
    kind=st.sampled_from(list(SpanKind)),
    status=st.sampled_from(list(SpanStatus)),
    start_ns=_NUMBERS,
    end_ns=_NUMBERS,
    requested=st.lists(_CALLS, max_size=2).map(tuple),
    declared_tools=st.none() | st.lists(_TEXT, max_size=2).map(tuple),
    plan_tools=st.lists(_TEXT, max_size=2).map(tuple),
    answered_calls=st.lists(_TEXT, max_size=2).map(tuple),
)


def _window(spans: list[SpanFact]) -> FactWindow:
    by_trace: dict[str, list[SpanFact]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    return FactWindow.of(
        TraceFacts(trace_id, "uuid", "agent", "service", trace_id == "t1", tuple(found))
        for trace_id, found in by_trace.items()
    )


@settings(deadline=None)
@given(st.lists(FACTS, max_size=6))
def test_a_window_comes_back_from_its_rows(spans: list[SpanFact]) -> None:
    """Every field of every span, whatever it holds."""
    window = _window(spans)

    assert facts_from_rows(fact_columns(), list(fact_rows(window))) == window


def test_real_facts_come_back_through_a_database(shared_data: Path, tmp_path: Path) -> None:
    """An evidence bundle is a SQLite file: cells must be what it can hold and give back."""
    path = shared_data / "traces" / "trail-dev.jsonl.xz"
    window = file_window(path)
    columns = fact_columns()
    with sqlite3.connect(tmp_path / "evidence.db") as database:
        database.execute(f"CREATE TABLE facts ({', '.join(columns)})")
        database.executemany(f"INSERT INTO facts VALUES ({', '.join('?' * len(columns))})", fact_rows(window))
        rows = database.execute("SELECT * FROM facts ORDER BY rowid").fetchall()
    database.close()

    assert facts_from_rows(columns, rows) == window


def test_times_beyond_what_a_database_holds_are_cut() -> None:
    """A span with a broken clock must not make a report impossible to save."""
    span = make_span()
    span.end_time_unix_nano = 2**64 - 1

    assert trace_facts(one_trace(span)).spans[0].end_ns == 2**63 - 1


def test_cells_are_text_integers_or_nothing() -> None:
    """Rows are also read by people with SQL: tuples as JSON, truth as 0 and 1."""
    (row,) = fact_rows(FactWindow.of([trace_facts(one_trace(make_span(error="boom")))]))
    cells = dict(zip(fact_columns(), row, strict=True))

    assert {type(cell) for cell in row} <= {str, int, type(None)}
    assert (cells["leaf_error"], cells["status"], cells["requested"], cells["declared_tools"]) == (1, 2, "[]", None)
    assert (cells["trace_agent"], cells["trace_service"], cells["complete"]) == ("service", "service", 1)


def test_columns_may_be_reordered_and_joined_by_others() -> None:
    """A later version may add columns; the ones that count are found by name."""
    window = FactWindow.of([trace_facts(one_trace(make_span(), make_span(2, parent=1)))])
    columns = ("new", *reversed(fact_columns()))
    rows = [(None, *reversed(row)) for row in fact_rows(window)]

    assert facts_from_rows(columns, rows) == window


def test_rows_of_another_version_or_damaged_rows_are_refused_with_a_reason() -> None:
    """`halo verify` must say that it cannot read, not that numbers differ."""
    window = FactWindow.of([trace_facts(one_trace(make_span()))])
    columns, (row,) = fact_columns(), fact_rows(window)
    damaged = tuple("{" if name == "requested" else cell for name, cell in zip(columns, row, strict=True))

    with pytest.raises(PermanentError, match="lack the columns complete"):
        facts_from_rows([name for name in columns if name != "complete"], [])
    with pytest.raises(PermanentError, match="damaged"):
        facts_from_rows(columns, [damaged])
    with pytest.raises(PermanentError, match="damaged"):
        facts_from_rows(columns, [row[:5]])


def test_a_changed_cell_changes_the_facts() -> None:
    """Verification rests on it."""
    window = FactWindow.of([trace_facts(one_trace(make_span()))])
    (span,) = window.spans()
    changed = _window([replace(span, output_tokens=7)])

    assert list(fact_rows(changed)) != list(fact_rows(_window([span])))
