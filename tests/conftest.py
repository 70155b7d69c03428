"""What every test may ask for."""

import os
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d[ T]")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real captures and traces that are not part of the repository."""
    path = Path(os.environ.get("HALO_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (path / "traces").is_dir():
        pytest.skip(f"no shared data at {path}: set HALO_SHARED_DATA to a directory with traces/ and otlp/")
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the one-line figures that passed tests printed: what was counted is worth as much as that it passed."""
    figures = [
        (report.nodeid.rpartition("::")[2], line)
        for report in terminalreporter.stats.get("passed", [])
        if (line := report.capstdout.strip()) and "\n" not in line and not LOG_LINE.match(line)
    ]
    if figures:
        terminalreporter.section("figures")
        for name, figure in figures:
            terminalreporter.line(f"{name}: {figure}")
