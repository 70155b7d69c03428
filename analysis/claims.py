"""The checker of claims: each is confirmed, wrong, not found or not checkable, beside what the evidence answers.

Whoever makes a claim, a detector, a person or a model, it is checked in the same way and from the same facts and bytes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isinf

from analysis.asking import ask
from analysis.contingency import Table, fisher_exact
from analysis.counting import rounded_rate
from analysis.detecting import Detector
from analysis.evidence import ReadSpan
from analysis.facts import FactWindow, SpanFact
from analysis.fields import field_text
from analysis.measuring import require_part
from analysis.statistics import wilson
from domain.claims import (
    VERDICTS,
    AbsenceClaim,
    Ask,
    Checked,
    Claim,
    ComparisonClaim,
    CountClaim,
    ExistsClaim,
    OrderClaim,
    RateClaim,
    RefusedClaim,
    Share,
    SpanRef,
    Verdict,
)
from domain.report import Claims, Finding

_SIGNIFICANT = 0.05
_LEAST_DIGITS = 2
_MOST_CLAIMED = 50
"""Findings of a report whose numbers and quotes are also written down as claims."""


class _NotCheckableError(Exception):
    """A claim names a query or an answer that does not exist."""


@dataclass(frozen=True)
class Checker:
    """Checks claims against the facts of a window, and quotes against the bytes of its spans."""

    window: FactWindow
    detectors: Mapping[str, Detector]
    read_span: ReadSpan

    def check(self, claim: Claim, about: str = "") -> Checked:
        """A claim with its verdict; never raises for what a claim says."""
        try:
            verdict, found = self._judge(claim)
        except _NotCheckableError as error:
            verdict, found = "not_checkable", str(error)
        return Checked(claim=claim, verdict=verdict, found=found, about=about)

    def filled(self, claim: Claim) -> Claim:
        """A claim whose number was left open (infinite), with the number that the evidence answers, if there is one."""
        try:
            if isinstance(claim, CountClaim) and isinf(claim.value):
                return claim.model_copy(update={"value": self._number(claim.ask)})
            if isinstance(claim, RateClaim) and isinf(claim.value):
                affected, of = self._share(Share(affected=claim.numerator, of=claim.denominator))
                return claim.model_copy(update={"value": rounded_rate(affected / of)}) if of else claim
        except _NotCheckableError:
            return claim
        return claim

    def _judge(self, claim: Claim) -> tuple[Verdict, str]:
        match claim:
            case CountClaim():
                return _judged(self._number(claim.ask), claim.value, _digits(claim.value))
            case RateClaim():
                return self._judge_rate(claim)
            case ExistsClaim():
                return self._judge_quote(claim)
            case OrderClaim():
                return self._judge_order(claim)
            case AbsenceClaim():
                return _judged(self._number(claim.ask), 0, 0)
            case ComparisonClaim():
                return self._judge_comparison(claim)
            case RefusedClaim():
                raise _NotCheckableError("what it said is not kept")

    def _number(self, asked: Ask) -> int | float:
        try:
            answers = ask(self.window, self.detectors, asked.query, asked.args)
        except (LookupError, ValueError) as error:
            raise _NotCheckableError(str(error)) from error
        found = answers.get(asked.answer)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise _NotCheckableError(f"{asked.query} answers no number {asked.answer!r}; use {', '.join(answers)}")
        return found

    def _share(self, share: Share) -> tuple[int, int]:
        affected, of = int(self._number(share.affected)), int(self._number(share.of))
        if not 0 <= affected <= of:
            raise _NotCheckableError(f"{affected} of {of} is no share")
        try:
            require_part(self.window, self.detectors, share.affected, share.of)
        except (LookupError, ValueError) as error:
            raise _NotCheckableError(str(error)) from error
        return affected, of

    def _judge_rate(self, claim: RateClaim) -> tuple[Verdict, str]:
        affected, of = self._share(Share(affected=claim.numerator, of=claim.denominator))
        if not of:
            raise _NotCheckableError("nothing could have shown it in this window")
        verdict, _ = _judged(affected / of, claim.value, max(_digits(claim.value), _LEAST_DIGITS))
        return verdict, _rated(affected, of)

    def _judge_quote(self, claim: ExistsClaim) -> tuple[Verdict, str]:
        stored = self.read_span(claim.span.trace_id, claim.span.span_id)
        if stored is None:
            return "not_found", "there is no such span in the evidence"
        text = field_text(stored, claim.field)
        if text is None:
            return "not_found", f"the span has no field {claim.field}"
        if not claim.quote or claim.quote not in text:
            return "not_found", f"{claim.field} does not hold this text"
        return "confirmed", f"it stands in {claim.field}"

    def _judge_order(self, claim: OrderClaim) -> tuple[Verdict, str]:
        first, then = self._span(claim.first), self._span(claim.then)
        if first is None or then is None:
            return "not_found", "there is no such span in the evidence"
        if (first.trace_id, first.scope_id) != (then.trace_id, then.scope_id):
            return "wrong", "the spans do not lie in one scope"
        gap_s = (then.start_ns - first.start_ns) / 1e9
        if gap_s <= 0:
            return "wrong", f"the first began {-gap_s:.3f} s after the other"
        return "confirmed", f"the first began {gap_s:.3f} s before the other"

    def _span(self, ref: SpanRef) -> SpanFact | None:
        return self.window.by_ref.get((ref.trace_id, ref.span_id))

    def _judge_comparison(self, claim: ComparisonClaim) -> tuple[Verdict, str]:
        (left, of_left), (right, of_right) = self._share(claim.left), self._share(claim.right)
        if not of_left or not of_right:
            raise _NotCheckableError("one side of the comparison has nothing to count")
        p_value = fisher_exact(Table(left, of_left - left, right, of_right - right))
        higher = left * of_right > right * of_left
        lower = left * of_right < right * of_left
        holds = {"higher": higher, "lower": lower, "different": higher or lower}[claim.relation]
        found = f"{_rated(left, of_left)}, against {_rated(right, of_right)}; p = {p_value:.3g}"
        return ("confirmed" if holds and p_value <= _SIGNIFICANT else "wrong"), found


def _judged(ours: int | float, claimed: int | float, digits: int) -> tuple[Verdict, str]:
    """Whether a number is ours to as many digits as it is claimed with."""
    agrees = ours == claimed if not digits else abs(ours - claimed) <= 0.5 * 10**-digits * (1 + 1e-9)
    return ("confirmed" if agrees else "wrong"), f"{ours:,}" if isinstance(ours, int) else f"{ours:,.6g}"


def _digits(value: int | float) -> int:
    """How many digits after the point a number is written with."""
    return len(repr(value).partition(".")[2]) if isinstance(value, float) and not value.is_integer() else 0


def _rated(affected: int, of: int) -> str:
    low, high = wilson(affected, of)
    return f"{affected:,} of {of:,} ({affected / of:.1%}, 95 % interval {low:.1%} to {high:.1%})"


def claims_of(findings: Sequence[Finding]) -> Iterable[tuple[Claim, str]]:
    """What findings claim, with their fingerprints: a rate, what they quote, or that a thing is gone."""
    for finding in findings[:_MOST_CLAIMED]:
        if not finding.queries:
            continue
        asked = finding.queries[0]
        affected = Ask(query=asked.name, args=asked.args)
        if not finding.counts.affected_spans:
            yield AbsenceClaim(text=finding.title, ask=affected), finding.fingerprint
            continue
        of = Ask(query=asked.name, args=asked.args, answer="opportunities")
        yield (
            RateClaim(text=finding.title, numerator=affected, denominator=of, value=finding.counts.rate),
            finding.fingerprint,
        )
        for item in finding.evidence:
            span = SpanRef(trace_id=item.trace_id, span_id=item.span_id)
            said = f"span {item.shown_span_id} says so in {item.field}"
            yield ExistsClaim(text=said, span=span, field=item.field, quote=item.quote), finding.fingerprint


def ledger_of(claims: Iterable[tuple[Claim, str]], check: Callable[[Claim, str], Checked]) -> Claims:
    """All claims with their verdicts, and how many there are of each."""
    return entered(tuple(check(claim, about) for claim, about in claims))


def entered(ledger: tuple[Checked, ...]) -> Claims:
    """A ledger and how many of each verdict stand in it."""
    counts = {verdict: sum(each.verdict == verdict for each in ledger) for verdict in VERDICTS}
    return Claims(**counts, ledger=ledger)
