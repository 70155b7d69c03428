"""From what a model wrote to a claim that a checker knows, or to why it is none.

A claim without a number is a question: the number becomes what the evidence answers, and nothing is lost.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from analysis.asking import DESCRIBABLE, SPANS
from domain.claims import (
    AbsenceClaim,
    Ask,
    Claim,
    ComparisonClaim,
    CountClaim,
    ExistsClaim,
    OrderClaim,
    RateClaim,
    Scalar,
    Share,
    SpanRef,
)

KINDS = ("count", "rate", "exists", "order", "absence", "comparison")
UNSAID = math.inf
"""The value of a claim that states none."""
_KEYS = {"quote": "exists", "first": "order", "left": "comparison", "relation": "comparison", "numerator": "rate"}
_ALIASES = {"quote": "exists", "existence": "exists", "absent": "absence", "share": "rate", "compare": "comparison"}
_RELATIONS = {"greater": "higher", "more": "higher", ">": "higher", "less": "lower", "fewer": "lower", "<": "lower"}
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def read_claim(said: Any) -> Claim:
    """A claim with `UNSAID` for a value that was left out; its `text` is empty. ValueError: it cannot be read."""
    if not isinstance(said, Mapping):
        raise ValueError("a claim is an object with type, and what its type needs")
    try:
        return _made(kind_of(said), said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place or 'it'}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def kind_of(said: Any) -> str:
    """Which of the six kinds was meant, by its type or else by its keys."""
    if not isinstance(said, Mapping):
        return "unreadable"
    stated = str(said.get("type") or said.get("kind") or "").strip().lower()
    stated = _ALIASES.get(stated, stated)
    return stated if stated in KINDS else next((kind for key, kind in _KEYS.items() if key in said), "count")


def _made(kind: str, said: Mapping[str, Any]) -> Claim:
    if kind == "count":
        return CountClaim(text="", ask=read_ask(_part(said, "ask")), value=_value(said.get("value")))
    if kind == "absence":
        return AbsenceClaim(text="", ask=read_ask(_part(said, "ask")))
    if kind == "rate":
        affected, of = _share(said, ("numerator", "affected", "ask"), ("denominator", "of"))
        value = _value(said.get("value", said.get("rate")))
        return RateClaim(text="", numerator=affected, denominator=of, value=float(value))
    if kind == "exists":
        return ExistsClaim(
            text="", span=_span(_part(said, "span")), field=str(said.get("field") or ""), quote=_quote(said)
        )
    if kind == "order":
        return OrderClaim(text="", first=_span(said.get("first")), then=_span(said.get("then", said.get("second"))))
    left, right = (
        _share(_object(said.get(side)), ("affected", "numerator"), ("of", "denominator")) for side in ("left", "right")
    )
    relation = str(said.get("relation") or "different").lower()
    return ComparisonClaim(
        text="",
        left=Share(affected=left[0], of=left[1]),
        right=Share(affected=right[0], of=right[1]),
        relation=_RELATIONS.get(relation, relation),
    )


def read_ask(said: Any, answer: str = "affected_spans") -> Ask:
    """A query with its arguments; text alone is a query's name. ValueError: there is none in it."""
    if isinstance(said, str):
        said = {"query": said}
    given = _object(said)
    args = _object(given.get("args") or given.get("arguments") or given.get("where") or {})
    query = str(given.get("query") or given.get("name") or (SPANS if args else "")).strip()
    if not query:
        raise ValueError(f"it names no query: use {SPANS} or the query of a finding")
    stray = {key: value for key, value in given.items() if key in DESCRIBABLE and key != "name" and query == SPANS}
    return Ask(query=query, args={**stray, **_scalars(args)}, answer=str(given.get("answer") or answer))


def read_share(said: Any) -> tuple[Ask, Ask | None]:
    """What is affected, and of what; None where the query of what is affected says that too. ValueError: neither."""
    given = _object(said)
    if not any(key in given for key in ("affected", "numerator")):
        return read_ask(given), None
    affected = read_ask(given.get("affected", given.get("numerator")))
    of = given.get("of", given.get("denominator"))
    return affected, None if of in (None, "", {}) else read_ask(of, _default_answer(affected, of))


def _share(said: Mapping[str, Any], numerators: tuple[str, ...], denominators: tuple[str, ...]) -> tuple[Ask, Ask]:
    """Two asks; without a denominator it is all that the query of the numerator could have counted."""
    part = next((said[key] for key in numerators if said.get(key)), None)
    affected = read_ask(said if part is None else part)
    whole = next((said[key] for key in denominators if said.get(key)), None)
    if whole is None:
        return affected, Ask(query=affected.query, args=affected.args, answer="opportunities")
    return affected, read_ask(whole, _default_answer(affected, whole))


def _default_answer(affected: Ask, of: Any) -> str:
    """Of the same question to a detector its opportunities are meant, of any other what that counts."""
    whole = read_ask(of)
    same = (whole.query, whole.args) == (affected.query, affected.args)
    return "opportunities" if same and whole.query != SPANS else "affected_spans"


def _part(said: Mapping[str, Any], key: str) -> Any:
    """An object of a claim, or the claim itself where its keys stand there."""
    return said[key] if said.get(key) else said


def _object(said: Any) -> Mapping[str, Any]:
    if isinstance(said, BaseModel):
        return said.model_dump()
    if not isinstance(said, Mapping):
        raise ValueError("a query is an object with query, args and answer")
    return said


def _scalars(args: Mapping[str, Any]) -> dict[str, Scalar]:
    return {
        str(key): each if isinstance(each, str | int | float | bool | None) else str(each) for key, each in args.items()
    }


def _span(said: Any) -> SpanRef:
    if isinstance(said, str) and len(parts := re.split(r"[/:\s]+", said.strip())) == 2:
        said = {"trace_id": parts[0], "span_id": parts[1]}
    if not isinstance(said, Mapping) or not said.get("trace_id") or not said.get("span_id"):
        raise ValueError("a span is named by trace_id and span_id")
    return SpanRef(trace_id=str(said["trace_id"]).strip(), span_id=str(said["span_id"]).strip())


def _quote(said: Mapping[str, Any]) -> str:
    quote = said.get("quote") or said.get("text") or said.get("value")
    if not isinstance(quote, str) or not quote.strip():
        raise ValueError("quote is missing: the text that stands in the span")
    return quote


def _value(said: Any) -> int | float:
    """A number, also as text or in percent; `UNSAID` when there is none. ValueError: it is something else."""
    if said is None or said == "":
        return UNSAID
    if isinstance(said, bool):
        raise ValueError("value is no number")
    if isinstance(said, int | float):
        return said
    text = str(said).strip()
    found = _NUMBER.fullmatch(text.rstrip("% "))
    if found is None:
        raise ValueError("value is no number")
    plain = found[0].replace(",", "")
    if text.endswith("%"):
        digits = len(plain.partition(".")[2]) + 2
        return round(float(plain) / 100, digits)
    return float(plain) if "." in plain else int(plain)
