"""Claims: what a report says, in a form that can be checked again by anyone who has the evidence.

A sentence without a claim is an opinion. Six kinds are enough for what analyses of traces say, and each names all that
a checker needs: a query with its arguments and the number that it is said to answer, or spans and what stands in them.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Scalar = str | int | float | bool | None
Verdict = Literal["confirmed", "wrong", "not_found", "not_checkable"]
VERDICTS: tuple[Verdict, ...] = ("confirmed", "wrong", "not_found", "not_checkable")


class ClaimModel(BaseModel):
    """Base of claims: frozen, and strict about keys, since a misspelt one would go unchecked."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Ask(ClaimModel):
    """A named query and which of its answers is meant: a detector's query, or `spans` (`analysis.asking`)."""

    query: str
    args: Mapping[str, Scalar] = Field(default_factory=dict)
    answer: str = "affected_spans"


class SpanRef(ClaimModel):
    """One span by its ids in hexadecimal."""

    trace_id: str
    span_id: str


class CountClaim(ClaimModel):
    """A query answers this number."""

    type: Literal["count"] = "count"
    text: str
    ask: Ask
    value: int | float


class RateClaim(ClaimModel):
    """One query's answer divided by another's; held to as many digits as the value has, at least two."""

    type: Literal["rate"] = "rate"
    text: str
    numerator: Ask
    denominator: Ask
    value: float


class ExistsClaim(ClaimModel):
    """A field of a span holds this text, character for character."""

    type: Literal["exists"] = "exists"
    text: str
    span: SpanRef
    field: str
    quote: str


class OrderClaim(ClaimModel):
    """Of two spans of one trace and scope, one began before the other."""

    type: Literal["order"] = "order"
    text: str
    first: SpanRef
    then: SpanRef


class AbsenceClaim(ClaimModel):
    """A query answers zero over the whole window."""

    type: Literal["absence"] = "absence"
    text: str
    ask: Ask


class Share(ClaimModel):
    """So many of so many, by two queries."""

    affected: Ask
    of: Ask


class ComparisonClaim(ClaimModel):
    """One rate differs from another as stated, by more than chance: Fisher's exact test at 5 %."""

    type: Literal["comparison"] = "comparison"
    text: str
    left: Share
    right: Share
    relation: Literal["higher", "lower", "different"]


class RefusedClaim(ClaimModel):
    """What a report keeps of a claim that a model made and nothing bore out: its kind, and none of its words."""

    type: Literal["refused"] = "refused"
    text: Literal["a model's claim, refused"] = "a model's claim, refused"
    kind: Literal["count", "rate", "exists", "order", "absence", "comparison", "unreadable"]


Claim = Annotated[
    CountClaim | RateClaim | ExistsClaim | OrderClaim | AbsenceClaim | ComparisonClaim | RefusedClaim,
    Field(discriminator="type"),
]


class Checked(ClaimModel):
    """One line of the ledger: a claim, what became of it, and what the evidence says instead or in support.

    `about` is the fingerprint of the finding that the claim bears; empty for one that bears none.
    """

    claim: Claim
    verdict: Verdict
    found: str
    about: str = ""
