"""What must hold for every span there can be: order is nothing, strangers are nothing, no value breaks a record."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import DETAILS, FIELDS
from domain.dialects_kinds import KINDS, SIGNS
from domain.normalising import NormalisedSpan, normalise
from domain.otlp import InstrumentationScope, Resource
from domain.semconv import ERROR_KEYS
from tests.spans import make_span

_PARTS = ("name", "score", "label", "explanation")
KEYS = sorted(
    {key for keys in FIELDS.values() for key in keys}
    | {*DETAILS, *KINDS, *SIGNS, *ERROR_KEYS, "input.value", "output.value"}
    | {f"evaluations.0.evaluation.{part}" for part in _PARTS}
)
_WORDS = sorted({word for told in KINDS.values() for word in told.words})
_JSON = st.sampled_from(
    ['{"input": 3, "output": "4"}', '{"total": 1e400}', '{"input": NaN}', "{", "[1]", '"{}"', "[" * 5_000, "9" * 5_000]
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=300),
    st.binary(max_size=9),
    st.text(alphabet="0123456789.", max_size=40),
    st.sampled_from(_WORDS),
    _JSON,
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("input", "total", "x")), inner),
    max_leaves=4,
)
_SPANS = st.dictionaries(st.sampled_from(KEYS), _VALUES, max_size=12)


def record(attributes: dict[str, Any]) -> NormalisedSpan:
    """The record of a span with these attributes, in this order."""
    return normalise(make_span(attributes=attributes), Resource(), InstrumentationScope())


@given(_SPANS, st.randoms(use_true_random=False))
def test_the_order_of_attributes_never_matters(attributes: dict[str, Any], chance: random.Random) -> None:
    """SDKs, processors and maps reorder them."""
    shuffled = list(attributes.items())
    chance.shuffle(shuffled)

    assert record(dict(shuffled)) == record(attributes)


@given(_SPANS, st.dictionaries(st.text(min_size=1, max_size=12).map("app.{}".format), _VALUES, max_size=4))
def test_attributes_that_no_dialect_knows_never_matter(attributes: dict[str, Any], strangers: dict[str, Any]) -> None:
    """People put their own attributes on every span."""
    assert record(strangers | attributes) == record(attributes)


@given(_SPANS)
def test_no_value_breaks_a_record_and_all_it_holds_is_sane(attributes: dict[str, Any]) -> None:
    """One odd value must not hide a span from those who look for it."""
    found = record(attributes)
    counts = (found.input_tokens, found.output_tokens, found.cache_read_tokens, found.reasoning_tokens)
    texts = (found.agent_id, found.agent_name, found.session, found.user, found.model, found.tool, found.tool_call_id)

    assert all(count is None or 0 <= count < 2**63 for count in counts)
    assert all(text is None or 0 < len(text) <= 200 for text in texts)
    assert found.cost_usd is None or 0 <= found.cost_usd < float("inf")


def test_every_key_of_the_table_is_read_by_the_field_it_stands_for() -> None:
    """A key that a typing error keeps from being read would be missed by nobody."""
    for field in ("session", "user", "provider", "model", "input_tokens", "output_tokens", "cost_usd", "tool_call_id"):
        for key in FIELDS[field]:
            value = 7 if field.endswith("_tokens") or field == "cost_usd" else "said"

            assert getattr(record({key: value}), field) == value, key
