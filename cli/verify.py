"""`halo verify`: every number of a report recomputed, every quote looked up, from what the report rests on."""

import json
import os
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import json_option
from cli.output import print_json
from domain.errors import PermanentError
from rendering.escaping import one_line

if TYPE_CHECKING:
    from analysis.facts import FactWindow

DEFAULT_DATA_DIR = Path("halo-data")
_CHECKED = ("counts", "splits", "waste")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@click.command()
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--evidence",
    "evidence_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Evidence database.  [default: <report>.evidence.db or <run id>.evidence.db beside the report]",
)
@click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take the evidence from this data directory, and derive the facts of traces that its window still holds "
    "from their bytes again.  [default for evidence alone: HALO_DATA_DIR, ./halo-data]",
)
@click.option(
    "--trust-detector",
    "trusted",
    multiple=True,
    metavar="MODULE",
    help="Also run this detector from outside HALO, when the report names it.",
)
@json_option
def verify(
    report: Path, evidence_file: Path | None, data_dir: Path | None, trusted: tuple[str, ...], as_json: bool
) -> None:
    """Recompute every number of a report and resolve every quote. Exits 1 and names what does not match.

    REPORT is a report's JSON. Its evidence is a database beside it, or stands in the data directory of the
    sidecar that made it; the traces themselves are not needed any more.
    """
    from analysis.fact_rows import facts_from_rows
    from analysis.verifying import verify as mismatches
    from cli.citing import cited_spans
    from store.evidence import read_evidence

    found = _read_report(report)
    bundle = read_evidence(_evidence(report, found, evidence_file, data_dir))
    facts = facts_from_rows(bundle.columns, bundle.rows)
    lines = mismatches(found, facts, cited_spans(bundle.cited), bundle.meta, trusted_detectors=trusted)
    compared = 0
    if data_dir is not None:
        more, compared = _window_lines(facts, data_dir, _moment_ns(bundle.meta.get("generated_at", "")))
        lines += more
    if as_json:
        print_json({"confirmed": not lines, "mismatches": lines})
    elif lines:
        click.echo("\n".join(map(one_line, lines)))
        click.echo(f"{report}: {len(lines)} mismatched", err=True)
    else:
        again = _looked_again(compared, len(facts.traces)) if data_dir is not None else ""
        click.echo(f"{_numbers(found):,} numbers and {_quotes(found):,} quotes confirmed{again}")
    sys.exit(1 if lines else 0)


def _looked_again(compared: int, traces: int) -> str:
    return f"; facts of {compared:,} of {traces:,} traces derived again from the window's bytes"


def _read_report(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PermanentError(f"{path}: is no report: {error}") from error
    if not isinstance(found, dict) or not found.get("run_id"):
        raise PermanentError(f"{path}: is no report: a JSON object with a run_id is expected")
    return found


def _evidence(path: Path, report: dict[str, Any], evidence_file: Path | None, data_dir: Path | None) -> bytes | Path:
    """The given file, else the one beside the report, else what a data directory keeps of the run."""
    from store.control import kept_evidence

    if evidence_file is not None:
        return evidence_file
    run_id = str(report.get("run_id", ""))
    names = [path.stem, *([run_id] if _FILE_NAME.fullmatch(run_id) else [])]
    beside = [path.with_name(f"{name}.evidence.db") for name in names]
    if data_dir is None and (found := next((each for each in beside if each.is_file()), None)):
        return found
    directory = data_dir or Path(os.environ.get("HALO_DATA_DIR") or DEFAULT_DATA_DIR)
    kept = kept_evidence(directory, run_id)
    if kept is None:
        missing = f"neither {beside[0].name} beside it nor run {one_line(run_id) or '?'} in {directory}"
        raise PermanentError(f"{path}: no evidence: {missing}; give --evidence or --data-dir")
    return kept


def _moment_ns(text: str) -> int | None:
    """Nanoseconds since 1970 of an ISO time; None for anything else."""
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1e9)
    except ValueError:
        return None


def _window_lines(facts: "FactWindow", directory: Path, generated_ns: int | None) -> tuple[list[str], int]:
    """What the window's bytes say against the frozen facts, and how many traces could be compared."""
    from analysis.verifying_window import rederived_lines
    from cli.config import BACKENDS, DEFAULT_BACKEND
    from domain.component import load_component

    lines: list[str] = []
    compared = 0
    if not (directory / "window.db").is_file():
        return lines, compared
    with load_component(BACKENDS, DEFAULT_BACKEND).open_reader(directory) as reader:
        for frozen in facts.traces:
            stored = reader.trace(frozen.trace_id)
            found = rederived_lines(frozen, stored, generated_ns) if stored is not None else None
            if found is not None:
                compared += 1
                lines += found
    return lines, compared


def _numbers(report: dict[str, Any]) -> int:
    """How many numbers stand in coverage, counts, splits and waste."""
    parts = [report.get("coverage"), *(finding.get(part) for finding in report["findings"] for part in _CHECKED)]
    return sum(map(_leaves, parts))


def _leaves(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list):
        return sum(map(_leaves, value))
    return int(isinstance(value, int | float) and not isinstance(value, bool))


def _quotes(report: dict[str, Any]) -> int:
    return sum(len(finding["evidence"]) for finding in report["findings"])
