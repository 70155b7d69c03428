"""The HTML page in a real browser that is cut off from the network: it is whole, quiet, and runs nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import MISSING, Browser, find_chromium
from domain.report import Report
from rendering.html import page
from screenshots import demo_report, hostile_report, problems
from tests.rendering.pages import poisoned
from tests.rendering.sample import HOSTILE


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip(MISSING)
    with Browser(program) as started:
        yield started


def saved(directory: Path, report: Report) -> Path:
    path = directory / "report.html"
    path.write_text(page(report), encoding="utf-8", errors="replace")
    return path


@pytest.mark.parametrize("dark", [False, True])
def test_a_report_opens_from_a_file_without_a_request_or_a_word_on_the_console(
    browser: Browser, tmp_path: Path, dark: bool
) -> None:
    """It is mailed, archived and read where there is no network; a refused style sheet would show here."""
    report = demo_report()
    visit = browser.visit(saved(tmp_path, report), dark=dark)

    assert report.findings and report.waterfalls and report.timeline
    assert not list(problems(visit, f"HALO report: {report.agent.name}"))
    assert visit.height > 3_000


@pytest.mark.parametrize("made", [hostile_report, lambda: poisoned(HOSTILE), lambda: poisoned("<svg/onload=alert(1)>")])
def test_hostile_text_executes_nothing(browser: Browser, tmp_path: Path, made: object) -> None:
    """Whoever talks to an agent writes into its report; none of that may run in the browser of who reads it."""
    assert callable(made)
    report = made()
    visit = browser.visit(saved(tmp_path, report))
    browser.unfold()

    assert not visit.requests and not visit.dialogs and not visit.said
    assert visit.title.startswith("HALO report: ") and "stolen" not in visit.title


def test_a_phone_scrolls_in_one_direction_only(browser: Browser, tmp_path: Path) -> None:
    """Wide tables and charts scroll in themselves, so that the text stays where the thumb is."""
    visit = browser.visit(saved(tmp_path, demo_report()), width=390)

    assert visit.width == 390


def test_the_browser_tells_when_a_page_does_something(browser: Browser, tmp_path: Path) -> None:
    """A check that never finds anything would be worth nothing."""
    path = tmp_path / "loud.html"
    path.write_text("<title>a</title><img src=http://127.0.0.1:9/p.png onerror=\"document.title='stolen';alert(7)\">")
    visit = browser.visit(path)

    assert visit.title == "stolen"
    assert visit.dialogs == ["7"]
    assert visit.requests == ["http://127.0.0.1:9/p.png"]
    assert visit.said
