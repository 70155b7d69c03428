"""Model calls that were not given what came of the call before.

Counts: a continuation is a pair of consecutive leaf LLM calls of a scope of which the first asked for a tool and the
second begins with the same message, so that it goes on with the same history, which must have grown by the answer and
by the result. `lost`: the second call is given no more messages than the first, and what it is given is nothing but
the beginning of that history, or a part of it from which as many messages fell out as came in. `shortened`: it is
given fewer messages, but others in their place, as a summary would be: deliberate compaction, told for information.
Affected are the second calls, of those of all continuations.
Excluded: calls with another first message (another prompt, e.g. of a guard or a router), calls without tool requests
between them (samples of one question).
Known false positives: answers that a harness threw away to ask again.
"""

from collections.abc import Iterable, Mapping

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow
from analysis.model_calls import Continuation, continuations
from analysis.phrases import fraction, rated, sentence
from analysis.splitting import WHO, measured
from domain.report import Scalar


class Config(DetectorConfig):
    """When lost history is worth a finding."""

    min_calls: int = Field(2, ge=1, description="Fewest calls without their history that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return DroppedHistory(config)


def _is_lost(pair: Continuation) -> bool:
    given, now = pair.before.messages or 0, pair.after.messages or 0
    kept = pair.after.kept_messages or 0
    return now <= given and (kept == now or (kept < now == given))


def _is_shortened(pair: Continuation) -> bool:
    return (pair.after.messages or 0) < (pair.before.messages or 0) and not _is_lost(pair)


class DroppedHistory(Detector):
    """Looks at the histories of consecutive calls."""

    name = "dropped_history"
    requires = ("llm_input",)

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for lost histories, one for shortened ones."""
        for kind in ("lost", "shortened"):
            args: dict[str, Scalar] = {"kind": kind}
            measure = self.measure(window, args)
            if len(measure.affected) >= self._config.min_calls:
                yield _lost(args, measure) if kind == "lost" else _shortened(args, measure)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Calls whose history is lost or shortened of all that go on with one; lost ones are wasted."""
        shows = {"lost": _is_lost, "shortened": _is_shortened}[str(args["kind"])]
        pairs = [pair for pair in window.once(continuations) if pair.after.kept_messages]
        hit = [pair.after for pair in pairs if shows(pair)]
        wasted = frozenset(span.ref for span in hit) if str(args["kind"]) == "lost" else frozenset()
        return measured([pair.after for pair in pairs], hit, wasted, WHO)


def _lost(args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    return Candidate(
        detector="dropped_history",
        category="lost_history",
        owner="harness",
        severity="medium",
        subject="",
        cause="history lost between calls",
        args=args,
        title=f"{fraction(measure, 'model call')} were not given what came of the call before",
        explanation=sentence(
            f"{rated(measure, 'model call')}, go on after a tool request but are given no more messages than the call",
            "before: its answer and the tool's result are missing.",
        ),
        fix=(
            "Harness: append every answer and every tool result to the messages of the next call; where the history "
            "must be cut, put a summary in the place of what falls out."
        ),
        exemplars=(),
        quote_fields=("input_tokens", "name"),
        acceptance="model calls without their history < 1 % over ≥ 100 model calls",
    )


def _shortened(args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    return Candidate(
        detector="dropped_history",
        category="lost_history",
        owner="harness",
        severity="info",
        subject="",
        cause="history shortened",
        args=args,
        title=f"{fraction(measure, 'model call')} were given a shortened history",
        explanation=sentence(
            f"{rated(measure, 'model call')}, are given fewer messages than the call before, with others in their",
            "place, as when a history is summarised.",
        ),
        fix="Harness: nothing, if the history is shortened on purpose; check that the summary keeps open tasks.",
        exemplars=(),
        quote_fields=("input_tokens", "name"),
        confidence="medium",
        explains_failures=False,
        acceptance="model calls with a shortened history < 5 % over ≥ 100 model calls",
    )
