"""Arguments that are sent and say nothing.

Counts: calls of a tool that carry a key whose value is empty (null, "", [], {}) or the declared default, or that has
no name; of all calls of the tool that carry the key. A finding when the key says nothing in at least 90 % of at least
ten calls. It is a matter of hygiene (severity info), unless calls with the idle key fail: surely (lower end of the
95 % Wilson interval) every second, or one in five and more often than the tool's other calls.
Excluded: optional filters in use, that is keys that at least two calls fill; false and 0, which are answers.
Known false positives: tools that demand a key which has one sensible value.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.failures import failures
from analysis.groups import calls_by_tool, with_issuers
from analysis.phrases import fraction, quoted, rated, sentence
from analysis.splitting import measured
from analysis.statistics import wilson
from domain.report import Scalar

_FAILING, _MOSTLY_FAILING = 0.2, 0.5
_MAX_KEYS = 200
"""Keys of one tool that are looked at; more are names made up by a model."""


class Config(DetectorConfig):
    """When a key counts as redundant."""

    min_calls: int = Field(10, ge=1, description="Fewest calls with a key that say anything about it.")
    min_share: float = Field(0.9, gt=0, le=1, description="The share of them in which it says nothing.")
    most_filled: int = Field(1, ge=0, description="Most calls that may fill it; with more it is an optional filter.")


def create(config: Config) -> Detector:
    """The detector."""
    return RedundantArguments(config)


class Carried(NamedTuple):
    """The calls of a tool that carry a key, and of them those in which it says nothing."""

    calls: list[SpanFact]
    idle: list[SpanFact]


def carried_keys(window: FactWindow) -> Mapping[tuple[str, str], Carried]:
    """What became of each (tool, argument key)."""
    found: dict[tuple[str, str], Carried] = {}
    seen: dict[str, int] = defaultdict(int)
    for call in window.tool_calls:
        idle = frozenset(_keys(call.idle_arguments))
        for key in _keys(call.argument_keys):
            carried = found.get((call.tool, key))
            if carried is None:
                if seen[call.tool] == _MAX_KEYS:
                    continue
                seen[call.tool] += 1
                carried = found[call.tool, key] = Carried([], [])
            carried.calls.append(call)
            if key in idle or not key.strip():
                carried.idle.append(call)
    return found


@lru_cache(maxsize=4_096)
def _keys(listed: str) -> tuple[str, ...]:
    """The distinct keys of a canonical JSON list."""
    return tuple(dict.fromkeys(map(str, json.loads(listed)))) if listed else ()


class RedundantArguments(Detector):
    """Looks at what argument keys say."""

    name = "redundant_arguments"
    requires = ("tool", "tool_arguments")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each key of a tool that says nothing."""
        for (tool, key), carried in window.once(carried_keys).items():
            calls, idle = len(carried.calls), len(carried.idle)
            if calls < self._config.min_calls or idle < self._config.min_share * calls:
                continue
            if calls - idle <= self._config.most_filled:
                args: dict[str, Scalar] = {"tool": tool, "key": key}
                yield _candidate(args, self.measure(window, args), _failing_more(window, tool, carried))

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Calls in which the key says nothing of all calls that carry it; wasted are those that failed."""
        carried = window.once(carried_keys).get((str(args["tool"]), str(args["key"])), Carried([], []))
        failed = window.once(failures)
        lost = [call for call in carried.idle if call.ref in failed]
        found = measured(carried.calls, carried.idle, with_issuers(window, lost))
        return Measure(
            found.affected,
            found.opportunities,
            found.traces,
            found.wasted,
            found.splits,
            (("failed_calls", len(lost)),),
        )


def _failing_more(window: FactWindow, tool: str, carried: Carried) -> bool:
    """Whether most calls with the idle key fail, or many and more than of the tool's other calls."""
    failed, idle = window.once(failures), {call.ref for call in carried.idle}
    others = [call for call in window.once(calls_by_tool).get(tool, ()) if call.ref not in idle]
    low, _ = wilson(sum(ref in failed for ref in idle), len(idle))
    of_others = sum(call.ref in failed for call in others) / max(len(others), 1)
    return low >= _MOSTLY_FAILING or (low >= _FAILING and low > of_others)


def _candidate(args: Mapping[str, Scalar], measure: Measure, is_harmful: bool) -> Candidate:
    tool, key = str(args["tool"]), str(args["key"])
    failed = measure.figures[0][1]
    named = f"the argument {quoted(key, 60)}" if key.strip() else "an argument without a name"
    return Candidate(
        detector="redundant_arguments",
        category="redundant_arguments",
        owner="tool",
        severity="medium" if is_harmful else "info",
        subject=tool,
        cause=f"idle argument: {key}",
        args=args,
        title=f"{tool} is sent {named}, which says nothing, in {fraction(measure, 'call')}",
        explanation=sentence(
            f"Of the calls of {tool} that carry {named}, {rated(measure, 'call')}, leave it empty or at its default.",
            f"{failed} of these calls failed." if is_harmful else "",
        ),
        fix=(
            f"Tool definition: take {named} out of the schema of {tool}, or say in its description when to send it "
            "and that it can be left out."
        ),
        exemplars=(),
        quote_fields=("arguments",),
        precedence=36 if is_harmful else 0,
        explains_failures=is_harmful,
        acceptance=f"calls of {tool} with an idle {named.removeprefix('the ')} < 10 % over ≥ 50 calls",
    )
