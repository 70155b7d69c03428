"""The claims of one answer, each with what became of it: what may be referred to, and what a model is told.

What was refused stays in the ledger without its words: a wrong number or a made-up quote in a report would be read as
one that is right.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, cast

from analysis.references import stated, told
from domain.claims import Checked, ExistsClaim, RefusedClaim, Verdict

Kind = Literal["count", "rate", "exists", "order", "absence", "comparison", "unreadable"]
_WITHHELD: dict[Verdict, str] = {
    "not_found": "what it names was not found or never shown",
    "not_checkable": "it could not be checked as it was written",
}
_KINDS = {
    "count": "a count",
    "rate": "a rate",
    "exists": "a quote",
    "order": "an order",
    "absence": "an absence",
    "comparison": "a comparison",
    "unreadable": "a claim",
}
_LEAST_REFUSED_CHARS = 6


@dataclass
class Book:
    """The ledger of an answer. Places count from `first`, because the analysis's claims stand before them.

    `refused` are the ids and quotes that do not exist, as they were said; `problems` tell the model what is wrong.
    """

    first: int
    ledger: list[Checked] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    quotes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def add(self, name: str, checked: Checked) -> int | None:
        """Enter a checked claim; its place, None when it does not stand."""
        if checked.verdict != "confirmed":
            self.refuse(name, checked.claim.type, checked.verdict, checked.found)
            return None
        claim = checked.claim.model_copy(update={"text": stated(checked.claim)})
        self.places[name] = place = self.first + len(self.ledger)
        self.ledger.append(checked.model_copy(update={"claim": claim}))
        if isinstance(claim, ExistsClaim):
            self.quotes.append(claim.quote)
        return place

    def refuse(self, name: str, kind: str, verdict: Verdict, found: str, made_up: Iterable[str] = ()) -> None:
        """Enter a claim that does not stand; `made_up` is what it names that does not exist."""
        kept = found if verdict == "wrong" else _WITHHELD[verdict]
        refused = RefusedClaim(kind=cast(Kind, kind if kind in _KINDS else "unreadable"))
        self.ledger.append(Checked(claim=refused, verdict=verdict, found=kept))
        self.refused += [text.strip() for text in made_up if len(text.strip()) >= _LEAST_REFUSED_CHARS]
        says = f"the evidence says {found}" if verdict == "wrong" else found
        self.problems.append(f"{name} ({kind}) is {verdict.replace('_', ' ')}: {says}")
        because = f"the evidence says: {kept}" if verdict == "wrong" else kept
        self.dropped.append(
            f"{_KINDS[refused.kind].capitalize()} was refused ({verdict.replace('_', ' ')}): {because}."
        )

    def reference(self, name: str, part: str) -> str | None:
        """A reference as reports keep it; None when the claim does not stand or has no such part."""
        place = self.places.get(name)
        if place is None or told(self.ledger[place - self.first], part) is None:
            return None
        return f"{{claim:{place}.{part}}}" if part else f"{{claim:{place}}}"
