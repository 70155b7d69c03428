"""A model's findings: kept when something that they rest on stands, their counts ours and their words the model's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from analysis.measuring import Measured, measured_share
from analysis.sightings import finding_id
from domain.claims import Ask, CountClaim, ExistsClaim, RateClaim
from domain.inquiry import Wording
from domain.report import SEVERITIES, Evidence, ModelFinding, Owner, Report, Severity
from engine.contract.answer import SaidFinding
from engine.contract.book import Book
from engine.contract.claiming import Claimant, UnknownError
from engine.contract.quoting import evidence_of
from engine.contract.reading import read_share
from engine.contract.texts import Texts

MOST_QUOTES = 10
DROPPED = "A finding was left out: nothing that it rests on was confirmed."
UNTITLED = "A finding of the model"
_OWNERS = ("harness", "prompt", "tool", "environment", "provider", "model", "unknown")
_CATEGORY = re.compile(r"[a-z][a-z_]{0,39}")
_SEVERITIES = {"severe": "high", "major": "high", "moderate": "medium", "minor": "low", "warning": "medium"}


@dataclass(frozen=True)
class Basis:
    """A finding that is kept, and what it rests on; `name` is what the model may call it."""

    said: SaidFinding
    name: str
    id: str
    measured: Measured | None
    evidence: tuple[Evidence, ...]
    places: tuple[int, ...]


@dataclass
class Finder:
    """Makes findings of what a model said."""

    claimant: Claimant
    book: Book
    report: Report
    _kept: int = field(default=0, init=False)

    def bases(self, said: Sequence[SaidFinding]) -> list[Basis]:
        """Those findings of which anything is confirmed."""
        found = (self._basis(f"f{number}", each) for number, each in enumerate(said, 1))
        return [each for each in found if each is not None]

    def worded(self, bases: Sequence[Basis], texts: Texts) -> list[ModelFinding]:
        """The findings with their wording; texts have references yet."""
        names = {each.name: (at, each.measured.counts) for at, each in enumerate(bases) if each.measured is not None}
        texts.findings.update(names)
        made = []
        for each in bases:
            if each.name in names:
                texts.findings["measure"] = names[each.name]
            made.append(self._worded(each, texts))
            texts.findings.pop("measure", None)
        return made

    def _basis(self, name: str, said: SaidFinding) -> Basis | None:
        identity = finding_id(self.report.report_id, f"model:{self._kept}")
        places: list[int] = []
        found = self._measured(name, said.measure, identity, places) if said.measure else None
        evidence = tuple(self._quotes(name, said, identity, places))
        places += [self.book.places[each] for each in said.claims if each in self.book.places]
        if not places:
            self.book.problems.append(f"{name}: nothing that it rests on is confirmed, so the finding is not kept")
            self.book.dropped.append(DROPPED)
            return None
        self._kept += 1
        return Basis(said, name, identity, found, evidence, tuple(dict.fromkeys(places)))

    def _measured(self, name: str, said: Any, about: str, places: list[int]) -> Measured | None:
        name = f"{name}.measure"
        try:
            affected, of = read_share(said)
            affected = self.claimant.known_ask(affected)
            of = None if of is None else self.claimant.known_ask(of)
            checker = self.claimant.checker
            found = measured_share(checker.window, checker.detectors, affected, of)
        except UnknownError as error:
            self.book.refuse(name, "rate", "not_found", str(error), error.made_up)
            return None
        except (LookupError, ValueError) as error:
            self.book.refuse(name, "rate", "not_checkable", str(error))
            return None
        counts = found.counts
        if not counts.opportunities:
            self.book.refuse(name, "rate", "not_checkable", "nothing could have shown it in this window")
            return None
        whole = of or Ask(query=affected.query, args=affected.args, answer="opportunities")
        part = affected.model_copy(update={"answer": "affected_spans"})
        if of is not None and found.of is not None:
            whole = of.model_copy(update={"answer": "affected_spans"})
        claim: RateClaim | CountClaim = RateClaim(text="", numerator=part, denominator=whole, value=counts.rate)
        entered = self.claimant.enter_known(self.book, name, claim, about)
        if entered is None:
            return None
        places.append(entered[0])
        return found

    def _quotes(self, name: str, said: SaidFinding, about: str, places: list[int]) -> Sequence[Evidence]:
        found = []
        for number, quote in enumerate(said.quotes[:MOST_QUOTES], 1):
            entered = self.claimant.enter(self.book, f"{name}.quote{number}", {**quote, "type": "exists"}, about)
            claim = entered[1].claim if entered else None
            item = evidence_of(claim, self.claimant.read_span) if isinstance(claim, ExistsClaim) else None
            if entered is not None and item is not None:
                places.append(entered[0])
                found.append(item)
        return found

    def _worded(self, basis: Basis, texts: Texts) -> ModelFinding:
        said, place = basis.said, f"findings[{basis.name}]"
        wording = Wording(
            title=texts.line(f"{place}.title", said.title) or UNTITLED,
            explanation=texts.of(f"{place}.explanation", said.explanation),
            fix=texts.of(f"{place}.fix", said.fix, proposal=True),
        )
        known = {finding.fingerprint for finding in self.report.findings}
        return ModelFinding(
            id=basis.id,
            category=_slug(said.category, texts),
            title="",
            owner=cast(Owner, _one_of(said.owner, _OWNERS, "unknown")),
            severity=cast(Severity, _one_of(said.severity, SEVERITIES, "medium")),
            confidence=cast(
                Literal["high", "medium", "low"], _one_of(said.confidence, ("high", "medium", "low"), "medium")
            ),
            explanation="",
            fix="",
            counts=basis.measured.counts if basis.measured else None,
            query=basis.measured.query if basis.measured else None,
            of=basis.measured.of if basis.measured else None,
            evidence=basis.evidence,
            claims=basis.places,
            about=said.about if said.about in known else "",
            wording=wording,
        )


def _slug(said: str, texts: Texts) -> str:
    """A category as one word of small letters, which says no number and no id; else `other`."""
    slug = re.sub(r"[ /-]+", "_", said.strip().lower())
    stands = not any(texts.vouched.objection(each) for each in (said, slug.replace("_", " ")))
    return slug if _CATEGORY.fullmatch(slug) and stands else "other"


def _one_of(said: str, allowed: Sequence[str], otherwise: str) -> str:
    word = said.strip().lower()
    word = _SEVERITIES.get(word, word)
    return word if word in allowed else otherwise
