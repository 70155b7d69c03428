"""Model calls that do not profit from the provider's cache though their like do.

Counts two signs. `version`: of the model calls after the first of their scope, the share of input tokens that was
read from the cache, for each version of one service and model; a finding when a version reads less than half of the
share that the other versions together read, and those read enough. Affected are its calls that read less than half
of the others' share, of all its calls. `prefix`: model calls that go on after a tool request with more messages than
the call before, of whose messages at least half are no longer there unchanged from the first on, so that nothing
after the change can be cached; of all model calls that go on after a tool request. A finding when most calls of an
agent do so, e.g. by the time of day in the system prompt; none where the cache is read all the same.
Excluded: first calls of a scope (nothing can be cached), failed calls, calls without a cache counter (`version`).
Known false positives: prompts below a provider's smallest cached length; caches that expire between slow turns.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from pydantic import Field

from analysis.cache_reads import breaks_prefix, calls_after_first, continuations_by_agent, share_read
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.facts import FactWindow
from analysis.phrases import fraction, percent, quoted, rated, sentence
from analysis.splitting import measured, split_by
from domain.report import Scalar


class Config(DetectorConfig):
    """When missing the cache is worth a finding."""

    min_calls: int = Field(20, ge=2, description="Fewest calls of a version or an agent to look at.")
    ratio: float = Field(0.5, gt=0, lt=1, description="A version that reads less than so much of the others' share.")
    min_share: float = Field(0.2, gt=0, lt=1, description="The share that the other versions must read from the cache.")
    broken_share: float = Field(0.6, gt=0, le=1, description="The share of an agent's calls that break the prefix.")


def create(config: Config) -> Detector:
    """The detector."""
    return CacheMisses(config)


class CacheMisses(Detector):
    """Looks at cache counters, and at what is sent again unchanged."""

    name = "cache_misses"
    requires = ()
    requires_any = ("cached_tokens", "llm_input")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """A candidate for each version that reads little, and for each agent that breaks its prefix."""
        yield from self._versions(window)
        for (service, agent), pairs in window.once(continuations_by_agent).items():
            if len(pairs) < self._config.min_calls:
                continue
            args: dict[str, Scalar] = {"kind": "prefix", "service": service, "agent": agent}
            measure = self.measure(window, args)
            read = share_read([pair.after for pair in pairs])
            is_read = read is not None and read >= self._config.min_share
            if len(measure.affected) >= self._config.broken_share * measure.opportunities and not is_read:
                yield _broken(args, measure, "low" if read is None else "medium")

    def _versions(self, window: FactWindow) -> Iterator[Candidate]:
        for (service, model), versions in window.once(calls_after_first).items():
            for version, calls in versions.items():
                others = [call for name, own in versions.items() if name != version for call in own]
                if min(len(calls), len(others)) < self._config.min_calls:
                    continue
                own_share, other_share = share_read(calls) or 0.0, share_read(others) or 0.0
                if other_share >= self._config.min_share and own_share < self._config.ratio * other_share:
                    args: dict[str, Scalar] = {
                        "kind": "version",
                        "service": service,
                        "model": model,
                        "version": version,
                        "ratio": self._config.ratio,
                    }
                    yield _behind(args, self.measure(window, args))

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Calls that miss the cache of all of the version, or of the agent; nothing is claimed as waste."""
        if str(args["kind"]) == "prefix":
            pairs = window.once(continuations_by_agent).get((str(args["service"]), str(args["agent"])), ())
            broken = {pair.after.ref: pair for pair in pairs if breaks_prefix(pair)}
            after = [pair.after for pair in pairs]
            own = split_by("changed message", after, broken.keys(), lambda span: span.changed_role)
            return measured(after, [pair.after for pair in broken.values()], frozenset(), ("model", "version"), own)
        versions = window.once(calls_after_first).get((str(args["service"]), str(args["model"])), {})
        calls = versions.get(str(args["version"]), [])
        others = [call for name, own in versions.items() if name != str(args["version"]) for call in own]
        usual = share_read(others) or 0.0
        limit = float(str(args["ratio"])) * usual
        missing = [call for call in calls if (call.cached_tokens or 0) < limit * (call.input_tokens or 0)]
        measure = measured(calls, missing, frozenset(), ("agent",))
        figures: tuple[tuple[str, Scalar], ...] = (
            ("cached_share", round(share_read(calls) or 0.0, 6)),
            ("cached_share_of_others", round(usual, 6)),
        )
        return replace(measure, figures=figures)

    def comparisons(self, window: FactWindow) -> int:
        """Each version beside others, and each agent."""
        versions = sum(len(each) for each in window.once(calls_after_first).values() if len(each) > 1)
        return versions + len(window.once(continuations_by_agent))


def _behind(args: Mapping[str, Scalar], measure: Measure) -> Candidate:
    figures = dict(measure.figures)
    own, usual = float(str(figures["cached_share"])), float(str(figures["cached_share_of_others"]))
    version = f"version {quoted(str(args['version']), 40)}" if args["version"] else "the calls without a version"
    return Candidate(
        detector="cache_misses",
        category="cache",
        owner="harness",
        severity="medium",
        subject=str(args["model"]),
        cause=f"cache misses of version {args['version']}",
        args=args,
        title=f"Only {percent(own)} of the input of {version} comes from the cache, of others {percent(usual)}",
        explanation=sentence(
            f"{rated(measure, 'model call')}, read less than {args['ratio']} times the usual share from the cache.",
            f"Over all its calls after the first of a run {version} reads {percent(own)} of its input tokens from the",
            f"cache; the other versions of the service read {percent(usual)} with the same model.",
        ),
        fix=(
            "Harness: compare the prompts of both versions from their first character on, and move what changes "
            "(times, ids, the order of tools) behind what stays."
        ),
        exemplars=(),
        quote_fields=("input_tokens", "name"),
        service=str(args["service"]),
        explains_failures=False,
        acceptance=f"model calls below {args['ratio']} times the usual cached share < 5 % over ≥ 100 model calls",
    )


def _broken(args: Mapping[str, Scalar], measure: Measure, severity: str) -> Candidate:
    return Candidate(
        detector="cache_misses",
        category="cache",
        owner="harness",
        severity="medium" if severity == "medium" else "low",
        subject=str(args["agent"]),
        cause="prefix changes",
        args=args,
        title=f"{fraction(measure, 'model call')} change the beginning of the prompt that was sent before",
        explanation=sentence(
            f"{rated(measure, 'model call')}, go on with a history but send less than half of the messages before",
            "unchanged, so that a provider can cache almost nothing of it.",
        ),
        fix=(
            "Harness: keep the beginning of the prompt the same within a run: put the time, ids and whatever else "
            "changes into the last message."
        ),
        exemplars=(),
        quote_fields=("input_tokens", "name"),
        service=str(args["service"]),
        confidence="medium",
        explains_failures=False,
        acceptance="model calls that change the beginning of their prompt < 5 % over ≥ 100 model calls",
    )
