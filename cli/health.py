"""`halo health`: what the health endpoint of a running sidecar says."""

import os
import sys

import click

from cli.options import json_option
from cli.output import print_json

DEFAULT_ENDPOINT = "http://127.0.0.1:13133"


@click.command()
@click.option(
    "--endpoint",
    default=lambda: os.environ.get("HALO_HEALTH_ENDPOINT") or DEFAULT_ENDPOINT,
    show_default=DEFAULT_ENDPOINT,
    help="Where health is served; also HALO_HEALTH_ENDPOINT.",
)
@json_option
def health(endpoint: str, as_json: bool) -> None:
    """Ask a running sidecar whether it is ready; exits 0 if so, 1 if not."""
    from api.client import readiness

    found = readiness(endpoint)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join([found["status"], *found["reasons"]]))
    sys.exit(0 if found["status"] == "ready" else 1)
