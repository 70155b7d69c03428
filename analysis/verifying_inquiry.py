"""The part of verification that reads what a model added: its counts, its quotes, and every sentence of it.

A model's texts are kept twice, with references and with what these stand for, so the texts are made again here; and the
ones with references are searched for numbers, ids and quotes as they were when the answer was taken.
"""

from collections.abc import Iterator, Mapping, Sequence

from analysis.detecting import Detector
from analysis.evidence import ReadSpan
from analysis.facts import FactWindow
from analysis.measuring import asked_again, measured_share
from analysis.references import resolved, stated
from analysis.sightings import finding_id
from analysis.statements import kept
from analysis.verifying_quotes import evidence_lines
from analysis.verifying_values import differences
from analysis.vouching import PLACE, Ids, Vouched, names_in
from domain.claims import ExistsClaim, RefusedClaim
from domain.inquiry import Inquiry, ModelFinding
from domain.report import Report

_TEXTS = ("title", "explanation", "fix")


def refused_lines(report: Report) -> Iterator[str]:
    """Refused claims that are said to be confirmed; their words are gone, so nothing else can be checked of them."""
    for at, each in enumerate(report.claims.ledger):
        if isinstance(each.claim, RefusedClaim) and (each.verdict == "confirmed" or report.inquiry is None):
            yield f"claims.ledger[{at}].verdict: a refused claim, found {each.verdict}"


def inquiry_lines(
    report: Report, facts: FactWindow, detectors: Mapping[str, Detector], read_span: ReadSpan, first: int
) -> Iterator[str]:
    """What the evidence does not bear out of what a model added; the ledger, which it refers to, was checked before.

    `first` is the place of the model's first claim in the ledger.
    """
    inquiry = report.inquiry
    if (inquiry is None) is (report.mode == "model"):
        yield f"inquiry: expected {'one' if inquiry is None else 'none'} in mode {report.mode!r}"
    if inquiry is None:
        return
    for at, each in enumerate(report.claims.ledger[first:], first):
        yield from differences(f"claims.ledger[{at}].claim.text", stated(each.claim), each.claim.text)
    for at, finding in enumerate(inquiry.findings):
        path = f"inquiry.findings[{at}]"
        yield from _count_lines(path, finding, facts, detectors)
        yield from evidence_lines(f"{path}.evidence", finding.evidence, read_span)
        yield from differences(f"{path}.id", finding_id(report.report_id, f"model:{at}"), finding.id)
        yield from _basis_lines(path, finding, report)
    yield from _text_lines(report, inquiry, facts)


def _count_lines(
    path: str, finding: ModelFinding, facts: FactWindow, detectors: Mapping[str, Detector]
) -> Iterator[str]:
    if finding.query is None:
        yield from differences(f"{path}.counts", None, finding.counts)
        return
    of = asked_again(finding.of) if finding.of is not None else None
    try:
        found = measured_share(facts, detectors, asked_again(finding.query), of)
    except (LookupError, ValueError) as error:
        yield f"{path}.query: cannot be asked again: {error}"
        return
    yield from differences(f"{path}.counts", found.counts, finding.counts)
    yield from differences(f"{path}.query.expect", found.query.expect, finding.query.expect)
    if found.of is not None and finding.of is not None:
        yield from differences(f"{path}.of.expect", found.of.expect, finding.of.expect)


def _basis_lines(path: str, finding: ModelFinding, report: Report) -> Iterator[str]:
    ledger = report.claims.ledger
    standing = [place for place in finding.claims if place in range(len(ledger))]
    if len(standing) != len(finding.claims) or any(ledger[place].verdict != "confirmed" for place in standing):
        yield f"{path}.claims: expected places of confirmed claims in the ledger"
    elif not standing:
        yield f"{path}.claims: a finding that rests on nothing"
    if finding.about and finding.about not in {each.fingerprint for each in report.findings}:
        yield f"{path}.about: there is no finding {finding.about!r}"


def _text_lines(report: Report, inquiry: Inquiry, facts: FactWindow) -> Iterator[str]:
    vouched = _vouched(report, facts)
    yield from _made_lines("inquiry", "answer_md", inquiry, report, vouched)
    for at, finding in enumerate(inquiry.findings):
        for name in _TEXTS:
            yield from _made_lines(f"inquiry.findings[{at}]", name, finding, report, vouched)


def _made_lines(path: str, name: str, owner: Inquiry | ModelFinding, report: Report, vouched: Vouched) -> Iterator[str]:
    """Whether a text is its wording with what the references stand for, and nothing else that would need a claim."""
    findings: Sequence[ModelFinding] = report.inquiry.findings if report.inquiry else ()
    wording, found = getattr(owner.wording, name), getattr(owner, name)
    yield from differences(f"{path}.{name}", resolved(wording, report.claims.ledger, findings), found)
    dropped = kept(wording, lambda statement: vouched.objection(statement, proposal=name == "fix")).dropped
    for statement, why in dropped[:1]:
        yield f"{path}.wording.{name}: {statement[:80]!r} cannot be said: {why}"


def _vouched(report: Report, facts: FactWindow) -> Vouched:
    """What the window and the ledger vouch for; the agent's code is not at hand, so places in it are believed."""
    ids = Ids((trace.trace_id for trace in facts.traces), (span.span_id for span in facts.spans()))
    quotes = [each.claim.quote for each in report.claims.ledger if isinstance(each.claim, ExistsClaim)]
    return Vouched(
        facts.once(names_in, small=True), quotes, ids.has, lambda text: PLACE.fullmatch(text.strip()) is not None
    )
