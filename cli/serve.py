"""`halo serve`: the composition root's command."""

import gc
import sys
from pathlib import Path

import click

from cli.checking import config_options


@click.command()
@config_options
def serve(files: tuple[Path, ...], overrides: tuple[str, ...], data_dir: Path | None) -> None:
    """Receive, keep, look and report, until SIGTERM or Ctrl-C.

    Without a configuration: OTLP on 127.0.0.1:4317 (gRPC) and :4318 (HTTP), the REST API on :4320, health and
    metrics on :13133, data in ./halo-data, reports as files below it.

    \b
    export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317    points an agent's exporter here
    """
    gc.disable()  # what imports make stays; searching it for garbage takes a fifth of the start
    from cli.config import load_config
    from cli.detectors import detector_problems_elsewhere
    from cli.sidecar import run_sidecar

    sys.exit(run_sidecar(load_config(files, overrides, data_dir, check_detectors=detector_problems_elsewhere)))
