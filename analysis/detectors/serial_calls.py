"""Tool calls that wait for each other though neither needs the other's result: advice, not a fault.

Counts: pairs of consecutive tool calls of a scope, one begun after the other had ended, both successful, of which the
second's arguments hold no word of the first's result, and each of which takes at least a second. Every call
is in one pair at most; affected are the second calls, of all calls that directly follow another of their scope and
whose arguments were compared. What a pair would save is the shorter of both calls; the figures give the sum. Pairs
that the model asked for in one turn (`turns` = one) are a matter of the harness, others of the prompt.
Excluded: tools whose name says that they change something (unless it begins with a word for reading), calls that
repeat the one before, pages (an argument key such as page, offset or cursor), short calls.
Known false positives: side effects that a name does not tell, and limits on calls at a time.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from pydantic import Field

from analysis.counting import rounded_seconds
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, SpanRef
from analysis.facts import FactWindow, SpanFact
from analysis.groups import refs, tool_sequences
from analysis.phrases import plural, rated, sentence
from analysis.splitting import measured, split_by
from domain.report import Scalar
from domain.spans import SpanStatus

_READS = re.compile("find|get|list|read|search|lookup|look|fetch|query|describe|show|check|count|view|load")
_CHANGES = re.compile(
    "write|send|delete|create|update|refund|pay|book|post|put|patch|set|add|remove|insert|edit|save|submit|cancel|move|"
    "buy|order|purchase|transfer|charge|upload|deploy|publish|execute|exec|run|bash|shell|python|terminal|click|type|"
    "fill|press|commit|push|merge|approve|reject|close|open|start|stop|restart|kill|install|modify|append|replace|"
    "reserve|register|login|logout|apply|exchange|return|notify|schedule|assign|sleep|wait|final|finish"
)
_PAGES = re.compile("page|offset|cursor|after|before|skip|start|next|token")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Config(DetectorConfig):
    """When waiting is worth a word."""

    min_seconds: float = Field(1.0, ge=0, description="Fewest seconds that both calls of a pair must take.")
    min_pairs: int = Field(3, ge=1, description="Fewest pairs that make a finding.")


def create(config: Config) -> Detector:
    """The detector."""
    return SerialCalls(config)


class Pair(NamedTuple):
    """Two calls that could have run at the same time."""

    first: SpanFact
    second: SpanFact

    @property
    def saving_ns(self) -> int:
        """The shorter of both."""
        return min(call.end_ns - call.start_ns for call in self)


def following(window: FactWindow) -> Mapping[SpanRef, Pair]:
    """By its second call each pair whose second's arguments were compared with the first's result."""
    return {
        second.ref: Pair(first, second)
        for sequence in window.once(tool_sequences).values()
        for first, second in pairwise(sequence)
        if second.builds_on_previous is not None
    }


def _pairs(window: FactWindow, min_seconds: float) -> Iterator[Pair]:
    least_ns = round(min_seconds * 1e9)
    for sequence in window.once(tool_sequences).values():
        is_taken = False
        for first, second in pairwise(sequence):
            is_taken = not is_taken and _could_run_together(first, second, least_ns)
            if is_taken:
                yield Pair(first, second)


def _could_run_together(first: SpanFact, second: SpanFact, least_ns: int) -> bool:
    if second.builds_on_previous is not False or SpanStatus.ERROR in (first.status, second.status):
        return False
    if not (first.end_ns and first.end_ns <= second.start_ns):
        return False
    if min(first.end_ns - first.start_ns, second.end_ns - second.start_ns) < least_ns:
        return False
    if first.tool == second.tool and (first.arguments_hash == second.arguments_hash or _is_page(second.argument_keys)):
        return False
    return not (_changes(first.tool) or _changes(second.tool))


@lru_cache(maxsize=4_096)
def _changes(tool: str) -> bool:
    words = [word.casefold() for word in _WORD.findall(tool)]
    reads = bool(words) and _READS.fullmatch(words[0]) is not None
    return not reads and any(map(_CHANGES.fullmatch, words))


@lru_cache(maxsize=4_096)
def _is_page(argument_keys: str) -> bool:
    try:
        keys = json.loads(argument_keys or "[]")
    except ValueError:
        return False
    return any(_PAGES.fullmatch(word.casefold()) for key in keys for word in _WORD.findall(str(key)))


class SerialCalls(Detector):
    """Looks at consecutive tool calls."""

    name = "serial_calls"
    requires = ("tool", "tool_arguments", "tool_result")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate when enough pairs wait for each other."""
        args: dict[str, Scalar] = {"min_seconds": self._config.min_seconds}
        measure = self.measure(window, args)
        if len(measure.affected) >= self._config.min_pairs:
            yield _candidate(args, measure)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Second calls of pairs of all calls that follow another; the figures hold what they would save."""
        pairs = list(_pairs(window, float(str(args["min_seconds"]))))
        every = window.once(following)
        calls, seconds = [pair.second for pair in every.values()], [pair.second for pair in pairs]
        own = (
            *split_by("tools", calls, refs(seconds), lambda span: _tools_of(every[span.ref])),
            *split_by("turns", calls, refs(seconds), lambda span: _turns_of(every[span.ref])),
        )
        measure = measured(calls, seconds, frozenset(), ("agent", "service", "version"), own)
        saved = rounded_seconds(sum(pair.saving_ns for pair in pairs))
        figures: tuple[tuple[str, Scalar], ...] = (("seconds_saved_at_most", saved),)
        return replace(measure, figures=figures)


def _tools_of(pair: Pair) -> str:
    return f"{pair.first.tool}, then {pair.second.tool}"


def _turns_of(pair: Pair) -> str:
    if not (pair.first.issuer_id and pair.second.issuer_id):
        return ""
    return "one" if pair.first.issuer_id == pair.second.issuer_id else "separate"


def _candidate(args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    saved = float(str(dict(measure.figures)["seconds_saved_at_most"]))
    return Candidate(
        detector="serial_calls",
        category="latency",
        owner="harness",
        severity="info",
        subject="",
        cause="independent calls in a row",
        args=args,
        title=f"{plural(len(measure.affected), 'tool call')} waited for a call whose result they did not need",
        explanation=sentence(
            f"{rated(measure, 'following call')}, took no word from the result of the call before, and both took at",
            f"least {args['min_seconds']} s. Run at the same time they would have saved {saved:,.1f} s at most.",
        ),
        fix=(
            "Harness: run the calls of one turn at the same time; prompt: let the model ask for calls that do not need "
            "each other in one turn."
        ),
        exemplars=(),
        quote_fields=("arguments", "name"),
        confidence="medium",
        explains_failures=False,
        acceptance="seconds saved at most < 1 % of the time of all runs",
    )
