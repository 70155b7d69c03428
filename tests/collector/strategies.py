"""Hypothesis strategies for whole trace requests."""

import math

from hypothesis import strategies as st

from domain.otlp import (
    AnyValue,
    ArrayValue,
    ExportTraceServiceRequest,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
    Resource,
    ResourceSpans,
    ScopeSpans,
    Span,
    Status,
)

text = st.text(max_size=12)
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
i32 = st.integers(-(2**31), 2**31 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)


def _some(strategy: st.SearchStrategy, most: int = 3) -> st.SearchStrategy:
    return st.lists(strategy, max_size=most)


def _pairs(values: st.SearchStrategy) -> st.SearchStrategy:
    return _some(st.builds(KeyValue, key=text, value=values))


any_values = st.recursive(
    st.one_of(
        st.just(AnyValue()),
        st.builds(AnyValue, string_value=text),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=i64),
        st.builds(AnyValue, double_value=st.floats(allow_nan=False) | st.just(math.nan)),  # one NaN of the many
        st.builds(AnyValue, bytes_value=st.binary(max_size=12)),
    ),
    lambda inner: st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=_some(inner))),
        st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=_pairs(inner))),
    ),
    max_leaves=6,
)
attributes = _pairs(any_values)
ids = st.binary(max_size=17)
events = st.builds(Span.Event, time_unix_nano=u64, name=text, attributes=attributes, dropped_attributes_count=u32)
links = st.builds(
    Span.Link,
    trace_id=ids,
    span_id=ids,
    trace_state=text,
    attributes=attributes,
    dropped_attributes_count=u32,
    flags=u32,
)
spans = st.builds(
    Span,
    trace_id=ids,
    span_id=ids,
    parent_span_id=ids,
    trace_state=text,
    flags=u32,
    name=text,
    kind=i32,
    start_time_unix_nano=u64,
    end_time_unix_nano=u64,
    attributes=attributes,
    dropped_attributes_count=u32,
    events=_some(events),
    dropped_events_count=u32,
    links=_some(links),
    dropped_links_count=u32,
    status=st.none() | st.builds(Status, code=i32, message=text),
)
requests = st.builds(
    ExportTraceServiceRequest,
    resource_spans=_some(
        st.builds(
            ResourceSpans,
            resource=st.none() | st.builds(Resource, attributes=attributes, dropped_attributes_count=u32),
            scope_spans=_some(
                st.builds(
                    ScopeSpans,
                    scope=st.none() | st.builds(InstrumentationScope, name=text, version=text, attributes=attributes),
                    spans=_some(spans),
                    schema_url=text,
                )
            ),
            schema_url=text,
        ),
        most=2,
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
