"""Failures that pass by themselves: the next try succeeds, and they are rare.

Networks and busy services fail now and then, and a robust agent tries again. What was made good in at least nine
cases of ten and is not surely a tenth of all calls, nor surely in a tenth of the traces that made any, asks nobody to
act: detectors tell it with severity `low`. "Surely" is the lower end of the 95 % Wilson interval, so that two
failures in a small window alarm nobody, and the same share in a large one does.
"""

from collections.abc import Set

from analysis.detecting import Measure, SpanRef
from analysis.statistics import wilson
from domain.report import Severity

_MADE_GOOD = 0.9
_RARE = 0.1


def severity_unless_passing(measure: Measure, lost: Set[SpanRef], stated: Severity) -> Severity:
    """The severity of failures of which `lost` were never made good: `low` where they pass by themselves."""
    return "low" if is_passing(measure, lost) else stated


def is_passing(measure: Measure, lost: Set[SpanRef]) -> bool:
    """Whether nearly all of these failures were made good by a later success, and they are rare."""
    affected = len(measure.affected)
    if len(measure.affected - lost) < _MADE_GOOD * affected:
        return False
    touched = len({trace_id for trace_id, _ in measure.affected})
    return wilson(affected, measure.opportunities)[0] < _RARE and wilson(touched, measure.traces)[0] < _RARE
