"""A model's texts with references in them, without the statements that nothing vouches for."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from analysis.references import REFERENCE, counted
from analysis.statements import TOO_LONG, kept
from analysis.vouching import BROKEN, Vouched
from domain.report import Counts
from engine.contract.book import Book

_SAID = re.compile(r"\{ {0,2}([A-Za-z_][\w-]{0,60})(?:\.([A-Za-z_]{1,12}))? {0,2}\}")
_BROKEN = "\ue000"
_SHOWN_CHARS = 90


@dataclass
class Texts:
    """Takes texts; `findings` are the counts of those that were kept, by the names that references may use.

    `problems` tell the model which statements are not kept and why, `dropped` how many there are of each kind, in words
    that repeat nothing.
    """

    book: Book
    vouched: Vouched
    claimed: Collection[str]
    findings: dict[str, tuple[int, Counts]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _left_out: dict[tuple[str, str], int] = field(default_factory=dict)

    def of(self, place: str, text: str, *, proposal: bool = False) -> str:
        """What is kept of a text of several statements."""
        found = kept(self._referring(text), lambda statement: self._objection(statement, proposal=proposal))
        for statement, why in found.dropped:
            self._tell(place, statement, why)
        return found.text

    def line(self, place: str, text: str) -> str:
        """A text of one line, or nothing of it."""
        line = self._referring(" ".join(text.split()))
        why = self._objection(line, proposal=False) if line else ""
        if why:
            self._tell(place, line, why)
        return "" if why else line

    @property
    def dropped(self) -> list[str]:
        """What was left out, a sentence for each place and reason."""
        return [
            f"{_amount(count, why)} of the {place} left out: {why}." for (place, why), count in self._left_out.items()
        ]

    def _objection(self, statement: str, *, proposal: bool) -> str:
        return BROKEN if _BROKEN in statement else self.vouched.objection(statement, proposal=proposal)

    def _tell(self, place: str, statement: str, why: str) -> None:
        shown = statement.replace(_BROKEN, "{?}")
        cut = shown if len(shown) <= _SHOWN_CHARS else f"{shown[:_SHOWN_CHARS]}…"
        self.problems.append(f"{place}: “{cut}” is not kept, because {why}")
        kind = place.partition("]")[2].removeprefix(".") or place
        key = (f"{kind} of a finding" if "]" in place else kind, why)
        self._left_out[key] = self._left_out.get(key, 0) + 1

    def _referring(self, text: str) -> str:
        """The text with its references as reports keep them; what looks like those already is none."""
        return _SAID.sub(self._reference, REFERENCE.sub(_BROKEN, text))

    def _reference(self, match: re.Match[str]) -> str:
        name, part = match[1], (match[2] or "").lower()
        if name in self.findings:
            at, counts = self.findings[name]
            if counted(counts, part) is None:
                return _BROKEN
            return f"{{finding:{at}.{part}}}" if part else f"{{finding:{at}}}"
        reference = self.book.reference(name, part)
        if reference is not None:
            return reference
        is_code = match.string.count("`", 0, match.start()) % 2
        return match[0] if is_code and name not in self.claimed else _BROKEN


def _amount(count: int, why: str) -> str:
    """How much was left out; what was not read was not counted either."""
    if why == TOO_LONG:
        return "The rest"
    return "A statement" if count == 1 else f"{count:,} statements"
