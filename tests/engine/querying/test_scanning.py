"""Reading only the traces that may hold a text changes no count, and no word about how far a search came."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.querying.conditions import Where
from engine.querying.expressions import Limit
from engine.querying.filters import TraceFilters
from engine.querying.predicates import predicate_of
from engine.querying.scanning import candidates, scan, traces_holding
from engine.tooling import Work
from tests.engine.querying.planted import at_work_on_lines, call, line

TRACES = 700
RARE = {3: "zweiundvierzig", 300: "zweiUndvierzig", 699: "and zweiundvierzig more"}


@contextmanager
def at_work(directory: Path) -> Iterator[Work]:
    """Many small traces; some say a rare word, each third of them a common one, each of them its number."""
    said = [RARE.get(number, "common" if number % 3 == 0 else "nothing") for number in range(TRACES)]
    texts = [{"input.value": f"{text} order-{number}"} for number, text in enumerate(said)]
    with at_work_on_lines(
        directory, [line(1, f"{n + 1:032x}", attributes=each) for n, each in enumerate(texts)]
    ) as work:
        yield work


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"text": "zweiundvierzig"}, 2),
        ({"regex_pattern": "zwei.*order-"}, 3),
        ({"regex_pattern": r"zweiundvierzig order-\d+\W"}, 1),
        ({"text": "common"}, 231),
        ({"regex_pattern": "common|zweiundvierzig"}, 233),
        ({"text": "order", "regex_pattern": "zweiundvierzig"}, 2),
        ({"text": "zweiundvierzig", "attributes": {"input.value": "zweiundvierzig order-3"}}, 1),
        ({"text": "order-69"}, 11),
        ({"text": "absent"}, 0),
    ],
)
async def test_a_count_is_exact_whatever_is_looked_for_first(
    tmp_path: Path, filters: dict[str, object], count: int
) -> None:
    """A model takes a count for the truth."""
    with at_work(tmp_path) as work:
        assert await call(work, "count_traces", filters=filters) == {"total": count}


async def test_a_search_of_spans_tells_that_it_came_to_the_end(tmp_path: Path) -> None:
    """Traces that need not be read are done, too."""
    with at_work(tmp_path) as work:
        found = await call(work, "search_spans", text="zweiundvierzig")
        assert (found["match_count"], found["whole"], found["read_traces"]) == (2, True, TRACES)


def test_only_traces_that_may_hold_the_text_are_read(tmp_path: Path) -> None:
    """Decoding all of a window for a rare word takes twenty times as long as looking for the word."""
    with at_work(tmp_path) as work:
        ids = candidates(work.window, Where())
        found = list(traces_holding(work.window, ids, b"zweiundvierzig", Limit(60)))
        assert len([trace for _, trace in found if trace is not None]) == 2
        assert found[-1] == (max(ids), None)


@pytest.mark.parametrize("looks", [1, 4, 60, 400])
def test_what_was_not_read_in_time_is_not_counted_as_read(tmp_path: Path, looks: int) -> None:
    """All that fit among the traces read are told; the clock runs out after so many looks at it."""
    with at_work(tmp_path) as work:
        for text in ("zweiundvierzig", "common"):
            ticks = iter([0.0] * looks)
            limit = Limit(1, lambda ticks=ticks: next(ticks, 2.0))  # type: ignore[misc]
            told = scan(work.window, Where(), predicate_of(TraceFilters(text=text)), limit)
            whole = scan(work.window, Where(), predicate_of(TraceFilters(text=text)), Limit(60))
            done = set(list(candidates(work.window, Where()))[: told.read])
            assert set(told.positions) == done.intersection(whole.positions)
            assert whole.is_whole
