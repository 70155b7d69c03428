"""Checks the settings of detectors, apart from the process that receives: detectors load numerical libraries.

`python -m cli.detectors` reads the settings as JSON and prints one problem a line; `halo serve` asks it only
when there are settings to check.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from domain.component import load_component
from domain.errors import ConfigError
from domain.settings import read_settings

DETECTORS = "analysis.detectors"
TIMEOUT_S = 30


def detector_problems(settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings of each detector type, checked in this process."""
    problems: list[str] = []
    for name, raw in settings.items():
        try:
            read_settings(load_component(DETECTORS, name).Config, f"analysis.detectors.{name}", raw)
        except ConfigError as error:
            problems += [_in_its_section(problem) for problem in error.problems]
    return problems


def _in_its_section(problem: str) -> str:
    """The loader knows a detector by its kind; in halo.yaml it stands under `analysis`."""
    return f"analysis.{problem}" if problem.startswith("detectors.") else problem


def detector_problems_elsewhere(settings: Mapping[str, Any]) -> list[str]:
    """The same, checked in a short-lived process; none without settings."""
    if not settings:
        return []
    command = [sys.executable, "-P", "-m", "cli.detectors"]
    same_code = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    answer = subprocess.run(  # noqa: S603  # our own interpreter and module; the settings travel on stdin
        command,
        input=json.dumps(settings),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env=same_code,
    )
    if answer.returncode:
        return [f"analysis.detectors: cannot be checked: {answer.stderr.strip().rpartition(chr(10))[2]}"]
    return answer.stdout.splitlines()


if __name__ == "__main__":
    print("\n".join(detector_problems(json.load(sys.stdin))))
