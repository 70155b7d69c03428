"""Writes the pages of docs/ that can be read off the code; `--check` says which are not current instead.

`make docs`. What can be generated is never written by hand, so that it cannot be wrong. The picture of a report and
the README's excerpt come from docs/example-report.md, which `make demo SEED=7` wrote; `--example FILE` replaces it.
"""

import argparse
import difflib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from cli.schema import config_schema
from pages import commands, configuration, detectors, dialects, metrics, picture, readme, report

REPOSITORY = Path(__file__).resolve().parent.parent
DOCS = REPOSITORY / "docs"
EXAMPLE = DOCS / "example-report.md"
README = REPOSITORY / "README.md"


def contents() -> Iterator[tuple[Path, str]]:
    """Every generated file and what should stand in it."""
    yield DOCS / "configuration.md", configuration.markdown()
    yield DOCS / "commands.md", commands.markdown()
    yield DOCS / "metrics.md", metrics.markdown()
    yield DOCS / "halo.schema.json", json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"
    yield DOCS / "detectors.md", detectors.markdown()
    yield DOCS / "dialects.md", dialects.markdown()
    yield DOCS / "report.md", report.markdown()
    yield DOCS / "report.svg", picture.svg(EXAMPLE.read_text())
    yield README, readme.markdown(README.read_text(), EXAMPLE.read_text())


def main() -> int:
    """0 when all is written or current, 1 when `--check` found something stale."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is not current")
    parser.add_argument("--example", type=Path, metavar="FILE", help="a Markdown report that replaces the example")
    options = parser.parse_args()
    if options.example:
        shutil.copyfile(options.example, EXAMPLE)
    stale = False
    for path, wanted in contents():
        present = path.read_text() if path.exists() else ""
        if present == wanted:
            continue
        name = str(path.relative_to(REPOSITORY))
        if options.check:
            stale = True
            changes = difflib.unified_diff(
                present.splitlines(), wanted.splitlines(), name, "as the code has it", "", "", 1
            )
            print(f"{name} is not current; run `make docs`", *list(changes)[:40], sep="\n")
        else:
            path.write_text(wanted)
            print(f"wrote {name}")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
