"""The arithmetic of TRAIL's scores, and what it omits: how many of the predicted pairs are right.

TRAIL (Deshpande et al., 2025, arXiv 2505.08638) scores recall alone: joint is the share of a trace's labelled (span,
category) pairs that were predicted, loc the same for spans, each as the mean over traces; wF1 is the F1 of each
category's presence in a trace, weighted by how many traces have it. False positives cost joint and loc nothing, so
predictions are read beside constant ones and with their pair precision.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

Pair = tuple[str, str]
"""(span id, category)."""
Pairs = Mapping[str, Set[Pair]]
"""By trace id."""


class Scores(NamedTuple):
    """One predictor on some traces; rates are fractions of one."""

    joint: float
    loc: float
    weighted_f1: float
    pair_precision: float
    predicted: int


def category(name: str) -> str:
    """A category's name without what annotators spell differently."""
    letters = re.sub(r"[^a-z]", "", name.lower()).replace("complience", "compliance")
    return re.sub(r"(errors?|failures?|issues?)$", "", letters)


def scores(gold: Pairs, predicted: Pairs) -> Scores:
    """How a prediction does; traces without any label are left out."""
    traces = [trace_id for trace_id, pairs in gold.items() if pairs]
    joint = loc = 0.0
    right = made = 0
    for trace_id in traces:
        own, said = gold[trace_id], predicted.get(trace_id, set())
        spans = {span_id for span_id, _ in own}
        joint += len(own & said) / len(own)
        loc += len(spans & {span_id for span_id, _ in said}) / len(spans)
        right, made = right + len(own & said), made + len(said)
    count = len(traces) or 1
    return Scores(
        joint / count, loc / count, _weighted_f1(gold, predicted, traces), right / made if made else 0.0, made
    )


def _weighted_f1(gold: Pairs, predicted: Pairs, traces: Iterable[str]) -> float:
    hits: Counter[str] = Counter()
    said: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for trace_id in traces:
        own = {name for _, name in gold[trace_id]}
        given = {name for _, name in predicted.get(trace_id, ())}
        there.update(own)
        said.update(given)
        hits.update(own & given)
    weighted = sum(count * 2 * hits[name] / (said[name] + count) for name, count in there.items())
    return weighted / there.total() if there else 0.0
