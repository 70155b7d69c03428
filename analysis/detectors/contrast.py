"""Properties that failing traces have more often than passing ones, other things being equal.

Counts: failing traces with a property (of each the first span that shows it) of all traces with it, among traces whose
outcome an evaluation, feedback or a root's status states. Properties are tools used and failing, models, sub-agents,
errors met, calls repeated three times, one tool five times in a row, calls that do not fit, and ways of ending.
Compared are only traces of one agent and `service.version` (and of one task, where tasks are shared), with Fisher's
exact test in one stratum and Cochran-Mantel-Haenszel over several; at least five traces with the property and five
without, in strata that have both and both outcomes. Repetition is compared among traces with comparable numbers of
calls. All tests of all properties, told or not, are held to a false discovery rate together; p must be at most 0.5 %,
and 0.1 % for medium.
Excluded: properties that failing traces have less often; outcomes known from structure alone; errors where the
root's error status is all that is known of outcomes, which says the same twice.
Known false positives: what comes with hard tasks where no task is recorded. Ways of ending (few calls, no final
answer, a tool that never returned, a refusal) are told as consequences: they accompany failure and do not explain it.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from analysis.contingency import Table
from analysis.contrasting import Contrast, contrast_of, contrasts
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, SplitCount
from analysis.facts import FactWindow
from analysis.phrases import p_said, percent, plural, points, quoted, sentence, significant
from analysis.splitting import OTHERS
from analysis.statistics import wilson
from analysis.trace_properties import CONSEQUENCES, Property, said, trace_properties
from domain.report import Owner, Scalar

_MAX_STRATA = 20
_SURE = 0.001
_OWNERS: Mapping[str, Owner] = {
    "uses_tool": "tool",
    "tool_failed": "tool",
    "tool_reports_error": "tool",
    "error": "tool",
    "unfit_arguments": "prompt",
    "uses_model": "model",
}


class Config(DetectorConfig):
    """When an association is worth a finding."""

    min_traces: int = Field(5, ge=2, description="Fewest traces with the property, and without it.")
    max_p: float = Field(
        0.005, gt=0, le=1, description="The largest p-value that may stand, however few tests there are."
    )
    max_findings: int = Field(8, ge=1, description="Only so many of the strongest associations are told.")


def create(config: Config) -> Detector:
    """The detector."""
    return ContrastDetector(config)


class ContrastDetector(Detector):
    """Looks at failing beside passing traces."""

    name = "contrast"
    requires = ()

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """The strongest harmful associations, causes and consequences alike."""
        harmful = [
            (each, contrast)
            for each, contrast in window.once(self._tested).items()
            if contrast.association.difference > 0 and contrast.association.p_value <= self._config.max_p
        ]
        harmful.sort(key=lambda item: (item[1].association.p_value, -item[1].association.difference, item[0]))
        for each, contrast in harmful[: self._config.max_findings]:
            yield self._candidate(window, each, contrast)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Failing traces with a property of the compared traces with it."""
        each = Property(str(args["property"]), str(args["value"]))
        contrast = contrast_of(window, each)
        if contrast is None:
            return Measure(frozenset(), 0, 0, frozenset())
        spans = window.once(trace_properties)[each].shown
        failing = frozenset((trace.ref[0], spans[trace.ref[0]]) for trace in contrast.shown if trace.failing)
        excess = contrast.association.difference_low * contrast.crude.exposed
        shown = len(contrast.shown)
        return Measure(
            failing, shown, shown, frozenset(), tuple(_splits(contrast)), _figures(contrast), max(excess, 0.0)
        )

    def comparisons(self, window: FactWindow) -> int:
        """Each property that can be tested."""
        return len(self.p_values(window))

    def p_values(self, window: FactWindow) -> Sequence[float]:
        """Of every property that can be tested, harmful or not."""
        return [contrast.association.p_value for contrast in window.once(self._tested).values()]

    def _tested(self, window: FactWindow) -> Mapping[Property, Contrast]:
        return contrasts(window, self._config.min_traces)

    def _candidate(self, window: FactWindow, each: Property, contrast: Contrast) -> Candidate:
        is_consequence = each.kind in CONSEQUENCES
        what = said(each, quoted(_named(each)))
        return Candidate(
            detector=self.name,
            category="consequence_of_failure" if is_consequence else "associated_with_failure",
            owner=_OWNERS.get(each.kind, "harness"),
            severity="medium" if contrast.association.p_value <= _SURE and not is_consequence else "low",
            subject=_subject(window, each),
            cause=f"{each.kind}|{each.value}",
            args={"property": each.kind, "value": each.value},
            title=f"Traces that {what} fail in {contrast.crude.with_failing} of {contrast.crude.exposed} cases",
            explanation=sentence(*_told(contrast, what, is_consequence)),
            fix=_fix(what, is_consequence),
            exemplars=(),
            quote_fields=("error", "arguments", "output", "name"),
            precedence=5,
            confidence="medium",
            explains_failures=not is_consequence,
            p_value=contrast.association.p_value,
            acceptance=f"traces that {what} fail no more often than others of their stratum over ≥ 50 such traces",
        )


def _subject(window: FactWindow, each: Property) -> str:
    """What a property is about, so that it joins what other detectors see of the same: of an error the tool it hit."""
    if each.kind == "error":
        span = window.by_ref[min(window.once(trace_properties)[each].shown.items())]
        return span.tool or span.kind.name
    return "" if each.kind == "ends_with" else each.value


def _named(each: Property) -> str:
    """The value as people know it: of an error's cause its text."""
    return each.value.partition("|")[2] or each.value if each.kind == "error" else each.value


def _told(contrast: Contrast, what: str, is_consequence: bool) -> Iterable[str]:
    crude, found = contrast.crude, contrast.association
    low, high = wilson(crude.with_failing, crude.exposed)
    interval = f"95 % CI {low * 100:.1f}–{high * 100:.1f} %"
    yield (
        f"Of {plural(crude.exposed, 'trace')} that {what}, {crude.with_failing:,} fail "
        f"({percent(crude.with_failing / crude.exposed)}, {interval}); of the {crude.others:,} others in the same "
        f"strata {crude.without_failing:,} ({percent(crude.without_failing / crude.others)})."
    )
    many = len(contrast.tables)
    test = "Fisher's exact test" if many == 1 else f"stratified over {many} strata"
    ratio = (
        "no finite odds ratio"
        if found.odds_ratio is None
        else f"odds ratio {found.odds_ratio:.1f} ({found.odds_low:.1f}–{found.odds_high:.1f})"
    )
    yield (
        f"Other things being equal they fail {points(found.difference)} more often "
        f"(95 % CI {found.difference_low * 100:.1f}–{found.difference_high * 100:.1f}; {ratio}; "
        f"{p_said(found.p_value)}, {test})."
    )
    if contrast.is_reversed:
        yield "Pooled over strata it looks the other way round (Simpson's paradox): do not read the pooled rates."
    if contrast.within_tasks is not None and contrast.within_tasks.difference <= 0:
        yield "Within tasks, over all versions, the difference does not show: the mix of tasks may explain it."
    if is_consequence:
        yield "This is how failing traces end, not why they fail."
    else:
        yield "This is an association, not yet a cause."


def _fix(what: str, is_consequence: bool) -> str:
    if is_consequence:
        return "Harness: detect this ending, record why, and go on or fail aloud; look for the cause in the exemplars."
    return f"Harness: read a few of the failing traces that {what} beside passing ones; change that, and compare again."


def _splits(contrast: Contrast) -> Iterable[SplitCount]:
    """Each stratum with and without the property, the largest first; beyond twenty the rest together."""
    order = sorted(contrast.tables.items(), key=lambda item: (-item[1].total, item[0]))
    labels = _labels([stratum for stratum, _ in order])
    for (_, table), label in list(zip(order, labels, strict=True))[:_MAX_STRATA]:
        yield from _split(label, table)
    rest = [table for _, table in order[_MAX_STRATA:]]
    if rest:
        yield from _split(OTHERS, Table(*(sum(column) for column in zip(*rest, strict=True))))


def _split(label: str, table: Table) -> Iterable[SplitCount]:
    yield SplitCount("stratum", f"{label}, with", table.with_failing, table.exposed)
    yield SplitCount("stratum", f"{label}, without", table.without_failing, table.others)


def _labels(strata: Sequence[tuple[str, ...]]) -> Sequence[str]:
    """What tells strata apart: the parts in which they differ, the version always."""
    differing = [at for at in range(len(strata[0])) if at == 2 or len({stratum[at] for stratum in strata}) > 1]
    return [" · ".join(stratum[at] or "(not recorded)" for at in differing) for stratum in strata]


def _figures(contrast: Contrast) -> tuple[tuple[str, Scalar], ...]:
    found, crude = contrast.association, contrast.crude
    within = contrast.within_tasks
    return (
        ("odds_ratio", significant(found.odds_ratio)),
        ("odds_ratio_low", significant(found.odds_low)),
        ("odds_ratio_high", significant(found.odds_high)),
        ("difference", significant(found.difference)),
        ("difference_low", significant(found.difference_low)),
        ("difference_high", significant(found.difference_high)),
        ("p_value", significant(found.p_value)),
        ("strata", len(contrast.tables)),
        ("others", crude.others),
        ("others_failing", crude.without_failing),
        ("difference_within_tasks", None if within is None else significant(within.difference)),
    )
