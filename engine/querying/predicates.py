"""What only the spans themselves can say of filters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.dialects_fields import amount_of_field, text_of_field
from domain.halo_lines import line_objects, line_text
from domain.otlp import AnyValue, plain
from domain.spans import StoredSpan
from engine.querying.expressions import Expression, Limit
from engine.querying.filters import TraceFilters

Spans = Sequence[StoredSpan]
Test = Callable[[Spans, Limit], bool]


@dataclass(frozen=True)
class Predicate:
    """Whether the spans of a trace fit; where they do, one of them holds `needle`."""

    tests: Sequence[Test]
    needle: bytes

    def __call__(self, spans: Spans, limit: Limit) -> bool:
        return all(test(spans, limit) for test in self.tests)


def predicate_of(filters: TraceFilters) -> Predicate:
    """What the filters that read spans ask of those of a trace."""
    tests, needles = _tests(filters), [b""]
    if filters.text is not None:
        needles.append(_bytes_of(filters.text))
        tests.append(_containing(needles[-1]))
    if filters.regex_pattern is not None:
        expression = Expression(filters.regex_pattern)
        needles.append(_bytes_of(expression.required))
        tests.append(_matching(expression, needles[-1]))
    return Predicate(tests, max(needles, key=len))


def _tests(filters: TraceFilters) -> list[Test]:
    """The cheap ones."""
    tests: list[Test] = []
    if filters.versions:
        tests.append(_any_attribute({"service.version": value} for value in filters.versions))
    if filters.project_id is not None:
        tests.append(_any_attribute([{"inference.project_id": filters.project_id}]))
    if filters.attributes:
        tests.append(_any_attribute([filters.attributes]))
    if filters.users:
        tests.append(_of_users(frozenset(filters.users)))
    if filters.min_cost_usd is not None or filters.max_cost_usd is not None:
        tests.append(_costing(filters.min_cost_usd, filters.max_cost_usd))
    return tests


def _bytes_of(text: str) -> bytes:
    return text.encode(errors="replace")


def said_by(stored: StoredSpan) -> dict[str, AnyValue]:
    """The attributes of a span over those of its resource."""
    return {item.key: item.value for owner in (stored.resource, stored.span) for item in owner.attributes}


def _any_attribute(wanted: Iterable[Mapping[str, object]]) -> Test:
    choices = list(wanted)

    def fits(spans: Spans, limit: Limit) -> bool:
        return any(_has(stored, choice) for stored in spans for choice in choices)

    return fits


def _has(stored: StoredSpan, wanted: Mapping[str, object]) -> bool:
    said = said_by(stored)
    return all(key in said and _same(plain(said[key]), value) for key, value in wanted.items())


def _same(found: object, wanted: object) -> bool:
    """Equal, or written alike: a model seldom knows whether a number was recorded as text."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return str(found).lower() == str(wanted).lower()
    return found == wanted or str(found) == str(wanted)


def _of_users(users: frozenset[str]) -> Test:
    def fits(spans: Spans, limit: Limit) -> bool:
        return any(text_of_field(said_by(stored), "user") in users for stored in spans)

    return fits


def cost_of(spans: Spans) -> float | None:
    """Dollars that the spans of a trace state, each sum once: a span's cost counts where no child states one."""
    costs: dict[bytes, float] = {}
    for stored in spans:
        cost = amount_of_field(said_by(stored), "cost_usd")
        if cost is not None:
            costs[stored.span.span_id] = cost
    above = {stored.span.parent_span_id for stored in spans if stored.span.span_id in costs}
    return sum(cost for span_id, cost in costs.items() if span_id not in above) if costs else None


def _costing(low: float | None, high: float | None) -> Test:
    def fits(spans: Spans, limit: Limit) -> bool:
        cost = cost_of(spans)
        return cost is not None and (low is None or cost >= low) and (high is None or cost <= high)

    return fits


def _containing(needle: bytes) -> Test:
    def fits(spans: Spans, limit: Limit) -> bool:
        return any(has_bytes(stored, needle) for stored in spans)

    return fits


def has_bytes(stored: StoredSpan, needle: bytes) -> bool:
    """Whether a span, its resource or its scope holds a text; texts stand in their bytes as they are."""
    return needle in stored.raw or needle in stored.resource_raw or needle in stored.scope_raw


def _matching(expression: Expression, needle: bytes) -> Test:
    def fits(spans: Spans, limit: Limit) -> bool:
        hits = [stored for stored in spans if has_bytes(stored, needle)]
        return any(expression.is_in(line_text(line), limit) for line in line_objects(spans, hits))

    return fits
