"""The claims of an answer, one by one: read, their ids looked up among those that tools have shown, then checked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.asking import SPANS, described_by
from analysis.claims import Checker
from analysis.evidence import ReadSpan
from analysis.vouching import names_in
from domain.claims import Ask, Checked, Claim, ExistsClaim, OrderClaim, Scalar, SpanRef
from engine.contract.book import Book
from engine.contract.ids import NEVER_SHOWN, KnownIds
from engine.contract.quoting import placed
from engine.contract.reading import kind_of, read_claim

_TRACE_IDS, _SPAN_IDS = ("trace_id",), ("scope_id", "span_id")
_NOTHING = "nothing in the window is named like this"


class UnknownError(Exception):
    """A claim names what no tool has shown, or what does not exist; `made_up` is how it was said."""

    def __init__(self, why: str, *made_up: str) -> None:
        super().__init__(why)
        self.made_up = made_up


@dataclass(frozen=True)
class Claimant:
    """Enters claims into a book. `asked` are the analysis's own queries: what they name exists."""

    checker: Checker
    read_span: ReadSpan
    ids: KnownIds
    asked: Sequence[Ask]

    def enter(self, book: Book, name: str, said: Any, about: str = "") -> tuple[int, Checked] | None:
        """Check a claim as a model wrote it; its place and itself when it stands."""
        try:
            claim = self.known(read_claim(said))
        except ValueError as error:
            book.refuse(name, kind_of(said), "not_checkable", str(error), _quotes_of(said))
            return None
        except UnknownError as error:
            book.refuse(name, kind_of(said), "not_found", str(error), (*error.made_up, *_quotes_of(said)))
            return None
        return self.enter_known(book, name, claim, about)

    def enter_known(self, book: Book, name: str, claim: Claim, about: str) -> tuple[int, Checked] | None:
        """Check a claim whose ids are known."""
        if isinstance(claim, ExistsClaim):
            claim = placed(claim, self.read_span)
        checked = self.checker.check(self.checker.filled(claim), about)
        place = book.add(name, checked)
        if place is None:
            book.refused += [claim.quote] if isinstance(claim, ExistsClaim) else []
            return None
        return place, checked

    def known(self, claim: Claim) -> Claim:
        """The claim with its ids as OTLP has them. UnknownError: one was never shown; ValueError: no such query."""
        match claim:
            case ExistsClaim():
                return claim.model_copy(update={"span": self._span(claim.span)})
            case OrderClaim():
                return claim.model_copy(update={"first": self._span(claim.first), "then": self._span(claim.then)})
        changed = {name: self.known_ask(each) for name, each in claim if isinstance(each, Ask)}
        for side in ("left", "right"):
            share = getattr(claim, side, None)
            if share is not None:
                asks = {"affected": self.known_ask(share.affected), "of": self.known_ask(share.of)}
                changed[side] = share.model_copy(update=asks)
        return claim.model_copy(update=changed)

    def known_ask(self, asked: Ask) -> Ask:
        """A query with ids and names that are known. UnknownError: one is not; ValueError: there is no such query."""
        if asked.query != SPANS:
            if asked.query not in self.checker.detectors and asked.query not in {each.query for each in self.asked}:
                raise ValueError(f"there is no query {asked.query!r}: use {SPANS} or one that get_findings names")
            stray = [name for name in asked.args if name not in self._names]
            if stray:
                raise ValueError(f"{asked.query} is never asked with {stray[0]!r}: take its args from get_findings")
        args = {name: self._argument(asked, name, value) for name, value in asked.args.items()}
        return asked.model_copy(update={"args": args})

    def _argument(self, asked: Ask, name: str, value: Scalar) -> Scalar:
        if asked.query != SPANS and (isinstance(value, bool) or value is None or value in self._values):
            return value
        text = str(value)
        if name in _TRACE_IDS:
            trace_id = self.ids.trace(text)
            if trace_id is None:
                raise UnknownError(NEVER_SHOWN, text)
            return trace_id
        if name in _SPAN_IDS and text and not self.ids.has(text):
            raise UnknownError(NEVER_SHOWN, text)
        found = self._as_known(asked.query, name, value)
        if found is None:
            raise UnknownError(_NOTHING, text)
        return found

    def _as_known(self, query: str, name: str, value: Scalar) -> Scalar | None:
        """The value as spans have it; of a detector's arguments, if anything has this name. None: nothing has."""
        if query == SPANS:
            return described_by(self.checker.window, name, value)
        return value if value in self.checker.window.once(names_in, small=True) else None

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(name for asked in self.asked for name in asked.args)

    @property
    def _values(self) -> frozenset[Scalar]:
        return frozenset(value for asked in self.asked for value in asked.args.values())

    def _span(self, said: SpanRef) -> SpanRef:
        span = self.ids.span(said.trace_id, said.span_id)
        if span is None:
            raise UnknownError(NEVER_SHOWN, said.trace_id, said.span_id)
        return span


def _quotes_of(said: Any) -> Iterator[str]:
    quote = said.get("quote") if isinstance(said, dict) else None
    return iter([quote] if isinstance(quote, str) else [])
