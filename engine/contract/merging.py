"""The analysis's report with what a model added: its answer, its findings, its claims, what it cost, what it cites."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.claims import entered
from analysis.reporting import Built, encode_cited
from domain.claims import ExistsClaim
from domain.inquiry import Wording
from domain.report import Inquiry, Report, Spend
from engine.budgets import Budget
from engine.contract.checking import NO_ANSWER, Judged
from engine.window import Analysed

_REFUSAL = "the model refused"
_EMPTY = Judged("", "", (), (), (), ())


@dataclass(frozen=True)
class Told:
    """What is to be said of how an inquiry went; `incomplete` is empty when it is whole."""

    question: str
    models: Sequence[str]
    agents: int
    turns: int
    incomplete: str


def merge(analysed: Analysed, judged: Judged | None, told: Told, budget: Budget) -> Built:
    """The report in mode "model", with its evidence; without an answer it says that there is none.

    Takes as long as reading the spans that the model quotes; its id is the analysis's.
    """
    built, stands = analysed.built, judged or _EMPTY
    inquiry = Inquiry(
        question=told.question,
        answer_md=str(stands),
        findings=stands.findings,
        dropped=stands.dropped,
        models=tuple(dict.fromkeys(told.models)),
        agents=told.agents,
        turns=told.turns,
        incomplete=_reason(told.incomplete),
        wording=Wording(answer_md=stands.wording_md or NO_ANSWER),
    )
    report = built.report.model_copy(
        update={
            "mode": "model",
            "inquiry": inquiry,
            "claims": entered((*built.report.claims.ledger, *stands.ledger)),
            "spend": _spend(built.report.spend, budget),
        }
    )
    meta = {**built.meta, "mode": "model"}
    return replace(built, report=report, cited=built.cited + _cited(analysed, stands), meta=meta)


def _reason(incomplete: str) -> str:
    """Why an answer is incomplete, without the words in which a model refused: nobody has checked them."""
    return _REFUSAL if incomplete.startswith(_REFUSAL) else incomplete


def _spend(analysis: Spend, budget: Budget) -> Spend:
    usage = budget.usage
    return Spend(
        requests=usage.requests,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        usd=None if budget.usd is None else round(budget.usd, 6),
        seconds=round(analysis.seconds + budget.seconds, 3),
    )


def _cited(analysed: Analysed, judged: Judged) -> bytes:
    """The spans that the model quotes and the analysis does not; encoded messages may follow each other."""
    known = _quoted(analysed.built.report)
    claims = (checked.claim for checked in judged.ledger)
    new = {(claim.span.trace_id, claim.span.span_id) for claim in claims if isinstance(claim, ExistsClaim)} - known
    spans = (analysed.read_span(trace_id, span_id) for trace_id, span_id in sorted(new))
    return encode_cited(stored for stored in spans if stored is not None)


def _quoted(report: Report) -> set[tuple[str, str]]:
    return {(item.trace_id, item.span_id) for finding in report.findings for item in finding.evidence}
