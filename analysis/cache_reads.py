"""What model calls read from a provider's cache, and which of them make that impossible."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from analysis.facts import FactWindow, SpanFact
from analysis.model_calls import Continuation, continuations, model_sequences
from domain.spans import SpanStatus


def calls_after_first(window: FactWindow) -> Mapping[tuple[str, str], Mapping[str, Sequence[SpanFact]]]:
    """By (service, model) and version the calls after the first of their scope that count what the cache gave."""
    found: dict[tuple[str, str], dict[str, list[SpanFact]]] = defaultdict(lambda: defaultdict(list))
    for sequence in window.once(model_sequences).values():
        for call in sequence[1:]:
            if call.cached_tokens is not None and call.input_tokens and call.status is not SpanStatus.ERROR:
                found[call.service, call.model][call.version].append(call)
    return {key: dict(versions) for key, versions in found.items()}


def share_read(calls: Iterable[SpanFact]) -> float | None:
    """Of the input tokens of these calls the share that came from the cache; None where nothing counts them."""
    counted = [call for call in calls if call.cached_tokens is not None and call.input_tokens]
    given = sum(call.input_tokens or 0 for call in counted)
    return sum(call.cached_tokens or 0 for call in counted) / given if given else None


def continuations_by_agent(window: FactWindow) -> Mapping[tuple[str, str], Sequence[Continuation]]:
    """The continuations that record what they were given, by (service, agent)."""
    found: dict[tuple[str, str], list[Continuation]] = defaultdict(list)
    for pair in window.once(continuations):
        found[pair.after.service, pair.after.agent].append(pair)
    return found


def breaks_prefix(pair: Continuation) -> bool:
    """Whether a history grew although at most half of the messages of the call before begin it."""
    given, now = pair.before.messages or 0, pair.after.messages or 0
    return now > given and 2 * (pair.after.kept_messages or 0) <= given
