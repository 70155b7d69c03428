"""How a finding stands is said in words that a reader can act on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rendering.ages import age, standing
from rendering.markdown import render
from rendering.slack import blocks
from rendering.sparklines import sparkline
from tests.rendering.sample import a_finding, a_report

NOW = datetime(2025, 3, 13, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "new"),
        ({"status": "persisting", "reports": 9}, "persisting for 12 days, in 9 reports"),
        ({"status": "persisting"}, "persisting for 12 days"),
        ({"status": "worse", "reports": 2}, "worse, known for 12 days, in 2 reports"),
        ({"status": "reopened", "reports": 2}, "reopened, known for 12 days, in 2 reports"),
        ({"status": "resolved", "bound": 0.075}, "resolved: its rate is at most 7.5 % now (95 %)"),
        ({"status": "resolved"}, "resolved"),
        ({"mark": "muted", "mark_reason": "it goes in May"}, "new; muted: it goes in May"),
    ],
)
def test_a_standing_is_a_status_with_its_age_its_bound_and_its_mark(said: dict[str, Any], words: str) -> None:
    """Persisting for a year is another message than persisting for an hour."""
    assert standing(a_finding(**said), NOW) == words


@pytest.mark.parametrize(
    ("passed", "words"),
    [(-5, "1 hour"), (0.2, "1 hour"), (1, "1 hour"), (47, "47 hours"), (48, "2 days"), (24 * 400, "400 days")],
)
def test_an_age_is_in_hours_then_in_days(passed: float, words: str) -> None:
    """A clock that went back makes nothing younger than an hour."""
    assert age(NOW, NOW + timedelta(hours=passed)) == words


def test_a_sparkline_shows_zero_little_all_and_nothing_to_see() -> None:
    """A rate above zero is never drawn as zero."""
    assert sparkline([0.0, 0.001, 0.5, 1.0, None]) == "▁▂▅█·"


def test_the_reason_of_a_mark_stays_text() -> None:
    """Whoever writes a reason may write anything."""
    report = a_report()
    marked = report.findings[0].model_copy(update={"mark": "acknowledged", "mark_reason": "<b>known</b> <!channel>"})
    changed = report.model_copy(update={"findings": (marked, *report.findings[1:])})
    slack = blocks(changed)

    assert r"acknowledged: \<b>known\</b> \<!channel>" in render(changed)
    assert "<!channel>" not in str(slack)
    assert "acknowledged: &lt;b&gt;known" in str(slack)


def test_slack_is_not_told_of_muted_findings() -> None:
    """A muted finding alarms nobody; that there are some is said."""
    report = a_report()
    quiet = tuple(each.model_copy(update={"mark": "muted", "mark_reason": "known"}) for each in report.findings)
    some = report.model_copy(update={"findings": (report.findings[0], *quiet[1:])})

    told, none = str(blocks(some)), str(blocks(report.model_copy(update={"findings": quiet})))
    assert report.findings[0].detector in told
    assert f"detector {report.findings[1].detector}" not in told
    assert "1 muted finding in the full report." in told
    assert "detector " not in none
    assert f"{len(quiet)} muted findings in the full report." in none
