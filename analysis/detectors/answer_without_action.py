"""Answers of agents that normally act, without any action.

Counts: scopes that were offered tools and end with an answer in text though no tool, retrieval or sub-agent ran in
them and none was asked for; of all scopes of the service and agent that were offered tools and end with an answer.
Looks only where the agent normally acts: at least 80 % of at least 20 such scopes do, of all its versions or of all
but one. A finding when surely (lower end of the 95 % Wilson interval) 5 % do not act, or when one version does not
act at least three times and surely more often than the others; only then its severity is medium, else low.
Excluded: agents that often answer by themselves, small talk now and then, incomplete traces.
Known false positives: a service that is suddenly asked what needs no tool.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from analysis.actions import Group, Work, answers, by_agent, odd_versions, scope_works
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow
from analysis.groups import refs
from analysis.phrases import fraction, listed, quoted, rated, sentence
from analysis.splitting import measured
from analysis.statistics import wilson
from domain.report import Scalar

_NOBODY: Sequence[Work] = ()


class Config(DetectorConfig):
    """When an agent normally acts, and when it is odd that it does not."""

    min_scopes: int = Field(20, ge=1, description="Fewest scopes that tell what an agent normally does.")
    usual: float = Field(0.8, gt=0, le=1, description="The share of them that act where acting is normal.")
    floor: float = Field(
        0.05, ge=0, lt=1, description="The lower bound of the share that does not act must reach this."
    )


def create(config: Config) -> Detector:
    """The detector."""
    return AnswerWithoutAction(config)


def offered_and_answering(window: FactWindow) -> Mapping[Group, Sequence[Work]]:
    """The scopes that were offered tools and ended with an answer, by service and agent."""
    return by_agent(work for work in scope_works(window) if work.offered and answers(work))


class AnswerWithoutAction(Detector):
    """Compares scopes with what the agent normally does."""

    name = "answer_without_action"
    requires = ("llm_output", "tool_schemas")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each agent that normally acts and often enough did not."""
        for (service, agent), works in window.once(offered_and_answering).items():
            idle = [work for work in works if not work.taken]
            odd = odd_versions(works, idle)
            is_much = bool(idle) and wilson(len(idle), len(works))[0] >= self._config.floor
            if (odd or is_much) and self._normally_acts(works):
                args: dict[str, Scalar] = {"service": service, "agent": agent}
                yield _candidate(args, self.measure(window, args), odd)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Scopes without an action of all that were offered tools and ended with an answer."""
        key = (str(args["service"]), str(args["agent"]))
        works = window.once(offered_and_answering).get(key, _NOBODY)
        idle = [work for work in works if not work.taken]
        wasted = refs(work.last for work in idle)
        return measured([work.span for work in works], [work.span for work in idle], wasted, ("version",))

    def _normally_acts(self, works: Sequence[Work]) -> bool:
        """Whether scopes normally act, of all versions or of all but one."""
        acting, of = Counter(work.span.version for work in works if work.taken), Counter(_versions(works))
        for acted, count in ((0, 0), *((acting[version], of[version]) for version in of)):
            rest = len(works) - count
            if rest >= self._config.min_scopes and acting.total() - acted >= self._config.usual * rest:
                return True
        return False


def _versions(works: Sequence[Work]) -> Iterable[str]:
    return (work.span.version for work in works)


def _candidate(args: Mapping[str, Scalar], measure: Measure, odd: Sequence[str]) -> Candidate:
    agent = str(args["agent"])
    whose = f" of {quoted(agent, 60)}" if agent else ""
    where = f"It stands out in version {listed([quoted(version, 40) for version in odd])}." if odd else ""
    return Candidate(
        detector="answer_without_action",
        category="no_action",
        owner="model",
        severity="medium" if odd else "low",
        subject=agent,
        cause="answer without any action",
        args=args,
        title=f"{fraction(measure, 'run')}{whose} end with an answer and no action",
        explanation=sentence(
            f"{rated(measure, 'run')}, were offered tools, used none and answered all the same;",
            "the agent normally acts.",
            where,
        ),
        fix=(
            "Harness: send an answer back when no tool has run and the task needs one (tool_choice: required on the "
            "first call); compare the versions in the split."
        ),
        exemplars=(),
        quote_fields=("output",),
        precedence=21,
        service=str(args["service"]),
        confidence="medium",
        acceptance=f"runs{whose} that answer without an action < 5 % over ≥ 50 runs",
    )
