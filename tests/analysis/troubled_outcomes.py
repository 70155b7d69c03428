"""Windows of judged runs for those detectors that compare runs: each needs many, and trouble of its own."""

from collections.abc import Mapping

from analysis.facts import FactWindow
from tests.analysis.judging import runs


def troubled_outcomes() -> Mapping[str, FactWindow]:
    """A window for each, by the detector's name."""
    tool_that_fails_runs = runs((20, 2, ("bad",), "1"), (2, 20, ("good",), "1"))
    return {
        "contrast": tool_that_fails_runs,
        "cost_per_success": tool_that_fails_runs,
        "version_regression": runs((1, 29, ("good",), "1"), (25, 5, ("good",), "2")),
        "change_point": runs((0, 40, ("good",), "1"), (35, 5, ("good",), "1")),
    }
