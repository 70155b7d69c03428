"""Watch a faulty agent with a sidecar, report on it, and hold the report against the agent's own count.

`make demo SEED=7`. The agent counts every fault as it commits it. The exit code is 0 only when each of them stands
in the report with the agent's number, and every number in the report has been recomputed from its evidence.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sidecar import ScriptError, Sidecar, run, wait_until

REPOSITORY = Path(__file__).resolve().parent.parent
HALO = (sys.executable, "-m", "cli.main")
SETTLE_TIMEOUT_S = 40.0
QUIET = "2s"
"""How long a trace must be quiet to count as complete; the default waits longer than somebody who watches."""


def main() -> int:
    """0 when the report names every fault with the agent's own count."""
    parser = argparse.ArgumentParser(description="Watch a faulty agent and report on it.")
    parser.add_argument("--seed", type=int, default=7, help="decides the tickets and the faults (default: %(default)s)")
    parser.add_argument("--directory", type=Path, default=Path("demo-data"), help="where the files go, emptied first")
    options = parser.parse_args()
    try:
        return show(options.seed, options.directory)
    except ScriptError as failure:
        print(f"\ndemo: {failure}", file=sys.stderr)
        return 1


def show(seed: int, directory: Path) -> int:
    """The whole demo, in order."""
    progress = Progress()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    progress.step("starting a sidecar")
    with Sidecar(HALO, directory, {"store.traces.quiet": QUIET}) as sidecar:
        progress.step(f"an order-desk agent works on its tickets (seed {seed}) and exports to {sidecar.grpc_endpoint}")
        counts = run_agent(seed, sidecar.grpc_endpoint, directory / "counts.json")
        progress.step(
            f"{counts['spans']} spans of {counts['traces']} traces are stored; waiting until all are complete"
        )
        wait_until(lambda: settled(sidecar) >= counts["traces"], SETTLE_TIMEOUT_S, "all traces are complete")
        progress.step("halo run create, halo run poll")
        run_id = analyse(sidecar)
        report = sidecar.halo_json("report", "get", run_id)
        files = report_files(sidecar, report)
        progress.step("halo verify")
        verdict = run([*HALO, "verify", str(files[0])]).strip()
        progress.step("halo report get\n")
        sidecar.show("report", "get", run_id)
    print()
    agreed = print_comparison(counts, report)
    print(f"\nhalo verify: {verdict}\n")
    for path in (*files, directory / "counts.json", directory / "sidecar.log"):
        print(path)
    print(f"\nThis took {progress.seconds:.0f} s. Other faults: make demo SEED={seed + 1}")
    return 0 if agreed else 1


class Progress:
    """What happens now, with the seconds since the start, on stderr."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def step(self, what: str) -> None:
        """Say what begins now."""
        print(f"{self.seconds:5.1f} s  {what}", file=sys.stderr, flush=True)


def run_agent(seed: int, endpoint: str, counts: Path) -> dict[str, Any]:
    """Let the agent work; its own account."""
    words = ["--seed", str(seed), "--otlp-endpoint", endpoint, "--counts", str(counts)]
    run([sys.executable, "-m", "examples.demo_agent", *words])
    return dict(json.loads(counts.read_text()))


def settled(sidecar: Sidecar) -> int:
    """How many traces are complete."""
    return sum(trace["complete"] for trace in sidecar.halo_json("trace", "ls", "--limit", "500")["items"])


def analyse(sidecar: Sidecar) -> str:
    """A run over the one agent there is; its id once it has completed."""
    agent = sidecar.halo_json("agent", "ls")["items"][0]
    created = sidecar.halo_json("run", "create", "--agent-uuid", agent["uuid"])
    sidecar.halo("run", "poll", created["id"], "--interval", "1")
    return str(created["id"])


def report_files(sidecar: Sidecar, report: dict[str, Any]) -> list[Path]:
    """What the file exporter wrote of a report: JSON, Markdown, evidence."""
    folder = sidecar.data_dir / "reports" / report["agent"]["uuid"]
    wait_until((folder / "latest.md").exists, SETTLE_TIMEOUT_S, f"the report is in {folder}")
    return [folder / f"{report['run_id']}.json", *sorted(set(folder.glob(f"{report['run_id']}*.[me]*")))]


def print_comparison(counts: dict[str, Any], report: dict[str, Any]) -> bool:
    """The table of faults; whether the report has each of them with the agent's count."""
    rows = [("fault committed by the agent", "agent's own count", "report's count", "")]
    agreed = True
    for name, fault in counts["faults"].items():
        if not fault["failures"]:
            continue
        own = (fault["failures"], fault["traces"])
        told = [(count_of(finding), finding["detector"]) for finding in naming(report, fault)]
        matching = [each for each in told if each[0] == own]
        agreed = agreed and bool(matching)
        shown = ", ".join(f"{count_text(count)}, {detector}" for count, detector in matching[:1] or told)
        about = f"{name.replace('_', ' ')}: {fault['tool'] or 'model answers'}"
        rows.append((about, count_text(own), shown or "not named", "✓" if matching else "✗"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return agreed


def count_of(finding: dict[str, Any]) -> tuple[int, int]:
    """(spans, traces) that a finding says are affected."""
    return finding["counts"]["affected_spans"], finding["counts"]["affected_traces"]


def count_text(count: tuple[int, int]) -> str:
    """`24 in 6 traces`."""
    return f"{count[0]} in {count[1]} trace{'' if count[1] == 1 else 's'}"


def naming(report: dict[str, Any], fault: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The findings about a fault's tool; without a tool, those about truncated output."""
    for finding in report["findings"]:
        about = fault["tool"] in finding["title"] if fault["tool"] else finding["detector"] == "truncated_output"
        if about:
            yield finding


if __name__ == "__main__":
    sys.exit(main())
