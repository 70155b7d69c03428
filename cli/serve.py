"""`halo serve`: the composition root's command."""

import gc
import os
import signal
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import click

from cli.allocation import give_large_blocks_back
from cli.checking import config_options
from cli.options import DURATION


@click.command()
@config_options
@click.option(
    "--exit-when-idle",
    type=DURATION,
    metavar="TIME",
    help="Stop in order when nothing was sent for so long; for jobs, which end only when their sidecar does.",
)
def serve(
    files: tuple[Path, ...], overrides: tuple[str, ...], data_dir: Path | None, exit_when_idle: timedelta | None
) -> None:
    """Receive, keep, look and report, until SIGTERM or Ctrl-C.

    Without a configuration: OTLP on 127.0.0.1:4317 (gRPC) and :4318 (HTTP), the REST API on :4320, health and
    metrics on :13133, data in ./halo-data, reports as files below it.

    \b
    export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317    points an agent's exporter here
    kill -HUP PID                                               reads the configuration again
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is a configuration to read again
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # or every failed handshake is a line on stderr
    give_large_blocks_back()
    gc.disable()  # what imports make stays; searching it for garbage takes a fifth of the start
    from cli.config import load_config
    from cli.detectors import detector_problems_elsewhere
    from cli.sidecar import run_sidecar

    read = partial(load_config, files, overrides, data_dir, check_detectors=detector_problems_elsewhere)
    sys.exit(run_sidecar(read, exit_when_idle=exit_when_idle))
