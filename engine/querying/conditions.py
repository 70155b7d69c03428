"""What the window's index can say of filters, as SQL over its views; every value is bound."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from domain.claims import Scalar
from domain.errors import PermanentError
from engine.querying.filters import TraceFilters
from engine.querying.moments import moment_ns
from engine.tooling import ToolError
from store.base import WindowReader


@dataclass
class Where:
    """A condition that grows, with its arguments."""

    args: dict[str, Scalar] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    prefix: str = "v"

    @property
    def sql(self) -> str:
        """The whole condition."""
        return " AND ".join(self.parts) or "1"

    def bind(self, value: Scalar) -> str:
        """The name under which a value is bound."""
        name = f"{self.prefix}{len(self.args)}"
        self.args[name] = value
        return f":{name}"

    def any_of(self, column: str, values: Iterable[Scalar]) -> str:
        """That a column is one of some values."""
        return f"{column} IN ({', '.join(self.bind(value) for value in values)})"

    def between(self, column: str, low: float | None, high: float | None) -> None:
        """Add the limits of a column that are given."""
        if low is not None:
            self.parts.append(f"{column} >= {self.bind(low)}")
        if high is not None:
            self.parts.append(f"{column} <= {self.bind(high)}")

    def error_says(self, texts: Sequence[str]) -> str:
        """That a span is in error and its masked text contains one of some texts."""
        said = " OR ".join(f"instr(lower(error), lower({self.bind(text)})) > 0" for text in texts)
        return f"status = 'ERROR' AND ({said})"


def condition_of(filters: TraceFilters, reader: WindowReader) -> Where:
    """The part of some filters that needs no span to be read, over the view `traces`."""
    where = Where()
    if filters.has_errors is not None:
        where.parts.append("error_spans > 0" if filters.has_errors else "error_spans = 0")
    _add_times(where, filters)
    where.between("duration_ms", filters.min_duration_ms, filters.max_duration_ms)
    where.between("input_tokens + output_tokens", filters.min_tokens, filters.max_tokens)
    where.between("spans", filters.min_spans, filters.max_spans)
    if filters.sessions:
        where.parts.append(where.any_of("session", filters.sessions))
    for column, names in _span_lists(filters):
        where.parts.append(f"position IN (SELECT position FROM spans WHERE {where.any_of(column, names)})")
    if filters.agent_names:
        by_span = f"position IN (SELECT position FROM spans WHERE {where.any_of('agent', filters.agent_names)})"
        where.parts.append(f"({where.any_of('agent', filters.agent_names)} OR {by_span})")
    if filters.errors:
        where.parts.append(f"position IN (SELECT position FROM spans WHERE {where.error_says(filters.errors)})")
    if filters.agents:
        where.parts.append(_of_agents(where, filters.agents, reader))
    return where


def _add_times(where: Where, filters: TraceFilters) -> None:
    if filters.start_time_gte is not None:
        where.parts.append(f"start_ns >= {where.bind(_stored(moment_ns(filters.start_time_gte)))}")
    if filters.end_time_lte is not None:
        where.parts.append(f"end_ns <= {where.bind(_stored(moment_ns(filters.end_time_lte)))}")


def _stored(nanoseconds: int) -> int:
    """Times beyond what the index can hold are compared as the last one it can."""
    return min(max(nanoseconds, 0), 2**63 - 1)


def _span_lists(filters: TraceFilters) -> Iterable[tuple[str, Sequence[str]]]:
    lists: Iterable[tuple[str, Sequence[str] | None]] = (
        ("model", filters.model_names),
        ("service", filters.service_names),
        ("tool", filters.tools),
        ("kind", filters.kinds),
    )
    return ((column, names) for column, names in lists if names)


def _of_agents(where: Where, prefixes: Sequence[str], reader: WindowReader) -> str:
    """That a trace belongs to one of some agents."""
    owned = []
    for prefix in prefixes:
        try:
            agent = reader.find_agent(prefix)
        except PermanentError as error:
            raise ToolError(str(error)) from error
        if agent is None:
            known = ", ".join(f"{each.uuid} ({each.name})" for each in reader.agents()[:10])
            raise ToolError(f"no agent has the UUID {prefix!r}; there are {known or 'none'}")
        owned.append(f"(agent = {where.bind(agent.name)} AND service = {where.bind(agent.service)})")
    return f"({' OR '.join(owned)})"
