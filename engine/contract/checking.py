"""What an inquiry holds a final answer to: its claims are checked, and what they do not bear out goes.

The model's claims are checked as those of the analysis are (`analysis.claims`); ids that no tool has shown are refused
before anything is looked up, because a guess that happens to exist is no knowledge.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from analysis.references import resolved
from analysis.vouching import Vouched, names_in
from domain.claims import Ask, Checked
from domain.report import ModelFinding, Report
from engine.contract.answer import FinalAnswer, read_answer
from engine.contract.book import Book
from engine.contract.claiming import Claimant
from engine.contract.findings import Finder
from engine.contract.ids import KnownIds
from engine.contract.places import exists_in
from engine.contract.texts import Texts
from engine.tooling import ShownIds
from engine.window import Analysed, TraceWindow

MOST_DROPPED = 60
NO_ANSWER = "The model gave no answer that could be checked."


@dataclass(frozen=True)
class Judged:
    """A final answer with all that did not stand taken out; as text it is the answer in Markdown.

    `problems` tell the model what is wrong, `dropped` the reader, without what was made up. `wording_md` is the answer
    with references, `ledger` continues that of the analysis.
    """

    answer_md: str
    wording_md: str
    findings: tuple[ModelFinding, ...]
    ledger: tuple[Checked, ...]
    dropped: tuple[str, ...]
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return self.answer_md or NO_ANSWER


class Contract:
    """Judges the answers of one inquiry; `complained` says that the model was told once."""

    def __init__(self, window: TraceWindow, shown: ShownIds) -> None:
        self._window = window
        self._shown = shown
        self.complained = False
        self.judged: Judged | None = None

    async def judge(self, said: FinalAnswer, repository: Path | None = None) -> Judged:
        """The answer with what stands of it, checked in a thread; the latest is `judged`."""
        analysed = await self._window.analysed()
        self.judged = await asyncio.to_thread(judge, said, analysed, KnownIds(self._shown), repository)
        return self.judged

    async def conclude(self, text: str, repository: Path | None = None) -> Judged:
        """What stands of a run without an accepted answer: of the last one that was judged, else of its last words."""
        return self.judged or await self.judge(read_answer(text), repository)


def judge(said: FinalAnswer, analysed: Analysed, ids: KnownIds, repository: Path | None = None) -> Judged:
    """The answer with what stands of it, by the same facts and bytes as the analysis."""
    report = analysed.built.report
    book = Book(first=len(report.claims.ledger))
    claimant = Claimant(analysed.checker, analysed.read_span, ids, _asked(report))
    for name, claim in said.claims.items():
        claimant.enter(book, name, claim)
    finder = Finder(claimant, book, report)
    bases = finder.bases(said.findings)
    vouched = Vouched(
        analysed.built.facts.once(names_in, small=True), book.quotes, ids.has, exists_in(repository), book.refused
    )
    texts = Texts(book, vouched, said.claims)
    found = finder.worded(bases, texts)
    wording = texts.of("answer", said.answer)
    ledger = (*report.claims.ledger, *book.ledger)
    if said.answer.strip() and not wording:
        texts.problems.append("answer: nothing is left of it")
    return Judged(
        answer_md=resolved(wording, ledger, found),
        wording_md=wording,
        findings=tuple(_final(each, ledger, found) for each in found),
        ledger=tuple(book.ledger),
        dropped=_bounded([*book.dropped, *texts.dropped]),
        problems=(*book.problems, *texts.problems),
    )


def _asked(report: Report) -> tuple[Ask, ...]:
    """What the analysis asks, and get_findings shows."""
    queries = (query for finding in report.findings for query in finding.queries)
    return tuple(Ask(query=query.name, args=query.args) for query in queries)


def _final(finding: ModelFinding, ledger: tuple[Checked, ...], findings: list[ModelFinding]) -> ModelFinding:
    """A finding whose texts say what their references stand for."""
    texts = {
        name: resolved(getattr(finding.wording, name), ledger, findings) for name in ("title", "explanation", "fix")
    }
    return finding.model_copy(update=texts)


def _bounded(lines: list[str]) -> tuple[str, ...]:
    """Each line once, the first of them."""
    unique = list(dict.fromkeys(lines))
    more = [f"And {len(unique) - MOST_DROPPED:,} more."] if len(unique) > MOST_DROPPED else []
    return (*unique[:MOST_DROPPED], *more)
