"""What a model adds to a report: an answer whose numbers are claims, and findings whose claims were confirmed."""

from typing import Literal

from pydantic import Field

from domain.report_values import Counts, Evidence, Owner, Query, ReportModel, Severity


class Wording(ReportModel):
    """A model's sentences with references in the places of their numbers: what its texts are made from.

    `{claim:3}` stands for what the ledger's entry 3 was found to be, `{finding:0}` for the counts of the model's
    finding 0, both counted from 0; `{claim:3.rate}` is a part of it. There is no other number in them.
    """

    title: str = ""
    explanation: str = ""
    fix: str = ""
    answer_md: str = ""


class ModelFinding(ReportModel):
    """A finding that a model made: opinions (title, explanation, fix) on claims that were confirmed.

    `counts` and `query` are those of its measure, recomputed; `claims` point into the report's ledger.
    """

    id: str
    category: str
    title: str
    owner: Owner
    severity: Severity
    confidence: Literal["high", "medium", "low"]
    explanation: str
    fix: str
    counts: Counts | None = Field(default=None, description="Of its measure, when it claims one.")
    query: Query | None = Field(default=None, description="What answers these counts.")
    evidence: tuple[Evidence, ...] = ()
    claims: tuple[int, ...] = Field(description="Positions in the ledger of the claims it rests on.")
    about: str = Field(default="", description="Fingerprint of the analysis's finding that it explains.")
    of: Query | None = Field(
        default=None, description="What answers how many there could have been; none where `query` does."
    )
    wording: Wording = Field(default_factory=Wording, description="Its texts with references instead of numbers.")


class Inquiry(ReportModel):
    """What a model added to the analysis: its answer to a question, of which every number is a confirmed claim."""

    question: str
    answer_md: str
    findings: tuple[ModelFinding, ...] = ()
    dropped: tuple[str, ...] = Field(default=(), description="What it said and could not show, one sentence each.")
    models: tuple[str, ...] = Field(default=(), description="The models that answered, as their endpoint names them.")
    agents: int = Field(default=1, description="The root and all subagents that worked on it.")
    turns: int = Field(default=0, description="Model calls of all agents.")
    left_out_traces: int = Field(default=0, description="Older traces of the window that it was not shown.")
    left_out_spans: int = Field(default=0, description="Their spans; counts read them all the same.")
    incomplete: str = Field(default="", description="Why the answer is not what it should have been; empty when it is.")
    wording: Wording = Field(default_factory=Wording, description="The answer with references instead of numbers.")
