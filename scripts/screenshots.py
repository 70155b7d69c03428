"""Writes docs/images/report-{light,dark}.png: the head of an HTML report and one of its findings, seen offline.

`python scripts/screenshots.py` needs a Chromium (HALO_CHROMIUM, or on the PATH). It looks before it takes pictures:
neither the demo's page nor one of hostile traffic may ask for anything, say anything on the console or run anything.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.planting.faults import retry_storm, truncated_output, unusable_tool
from bench.planting.hostile import hostile
from bench.planting.recording import DIALECTS
from bench.planting.traffic import traffic
from bench.planting.trying import report_on
from browser import MISSING, Browser, Visit, find_chromium
from domain.report import Report
from rendering.html import page

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTH, HEIGHT = 960, 1_180
SEED, RUNS = 7, 160


def demo_report() -> Report:
    """A shop's agent with three faults in otherwise healthy traffic; the same at every call but for its duration."""
    stories, chance = traffic(SEED, RUNS), random.Random(SEED)
    for fault in (unusable_tool, retry_storm, truncated_output):
        fault.plant(stories, chance)
    return report_on(stories, next(iter(DIALECTS.values())))


def hostile_report() -> Report:
    """The report on traffic that wants to break out of it."""
    return report_on(hostile(), next(iter(DIALECTS.values())))


def problems(visit: Visit, title: str) -> Iterator[str]:
    """What a page did that a report must not do."""
    for what, found in (("asked for", visit.requests), ("said", visit.said), ("opened a dialog", visit.dialogs)):
        yield from (f"{what} {each}" for each in found)
    if visit.title != title:
        yield f"changed its title to {visit.title!r}"


def main() -> int:
    """0 when pages are quiet and pictures written, 1 when a page did something, 2 without a browser."""
    parser = argparse.ArgumentParser(description="Look at the HTML report in a browser, and take its pictures.")
    parser.add_argument("--output", type=Path, default=IMAGES, metavar="DIR", help="where the pictures go")
    output = parser.parse_args().output
    program = find_chromium()
    if program is None:
        print(MISSING, file=sys.stderr)
        return 2
    output.mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    with tempfile.TemporaryDirectory() as directory, Browser(program) as browser:
        for name, report in (("hostile", hostile_report()), ("demo", demo_report())):
            path = Path(directory) / f"{name}.html"
            path.write_text(page(report), encoding="utf-8", errors="replace")
            for scheme in ("dark", "light"):
                visit = browser.visit(path, width=WIDTH, height=HEIGHT, dark=scheme == "dark")
                found += [f"{name}, {scheme}: {each}" for each in problems(visit, f"HALO report: {report.agent.name}")]
                if name == "demo":
                    picture = output / f"report-{scheme}.png"
                    top = browser.top_of("finding-1") - 24 if scheme == "dark" else 0
                    picture.write_bytes(browser.picture(top=top, width=WIDTH, height=HEIGHT))
                    print(f"wrote {picture} ({picture.stat().st_size / 1024:.0f} KB)")
    print(*found or ["both pages are quiet: no request, no console line, no dialog"], sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
