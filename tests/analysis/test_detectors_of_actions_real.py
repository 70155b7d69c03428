"""What real runs of a coding agent show of its actions: counts that were worked out from the files alone."""

from pathlib import Path

import pytest

from analysis.facts import FactWindow
from tests.analysis.asking import detector, only, split
from tests.analysis.stored import file_window

VARIANTS = ("c4", "coder", "gpt5", "v3")


@pytest.fixture(scope="module")
def coding(shared_data: Path) -> FactWindow:
    paths = [shared_data / "traces" / f"claude_code_{name}.spans.jsonl.gz" for name in VARIANTS]
    return FactWindow.of(trace for path in paths for trace in file_window(path).traces)


def test_one_model_ends_most_of_its_runs_before_the_first_tool_call(coding: FactWindow) -> None:
    """47 of 79 runs against 1 of 233; the version stands out by itself."""
    candidate, measure = only("announced_not_done", coding)

    assert split(measure, "version") == {
        "claude_code_v3": (47, 79),
        "claude_code_c4": (1, 78),
        "claude_code_coder": (0, 79),
        "claude_code_gpt5": (0, 76),
    }
    assert dict(measure.figures)["without_action"] == 48
    assert candidate.severity == "medium"
    assert "“claude_code_v3”" in candidate.explanation


def test_tools_that_nobody_declared_are_found_by_what_their_calls_are_told(coding: FactWindow) -> None:
    """`LS` is refused five times of five."""
    looking = detector("hallucinated_tool")
    found = {each.subject: len(looking.measure(coding, each.args).affected) for each in looking.find(coding)}

    assert found["LS"] == 5
    assert found["Blob"] == 1
