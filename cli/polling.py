"""Waiting for a run: patient with a sidecar that is away for a while, silent on stdout."""

from collections.abc import Callable
from typing import Any

import click

from api.client import Client, segment
from cli.output import details, short_time
from domain.errors import RetryableError
from domain.runs import TERMINAL_STATUSES


def poll_run(
    client: Client,
    run_id: str,
    interval: float,
    timeout: float,
    *,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> dict[str, Any]:
    """The run once it has ended; RetryableError when that takes longer than `timeout` seconds.

    Status changes are told on stderr. A sidecar that cannot be reached is asked again, except at the start.
    """
    started = clock()
    run: dict[str, Any] = client.get(f"/runs/{segment(run_id)}")
    told = ""
    while True:
        if run["status"] != told:
            told = run["status"]
            click.echo(f"{clock() - started:6.1f} s  {told}", err=True)
        if told in TERMINAL_STATUSES:
            return run
        left = timeout - (clock() - started)
        if left <= 0:
            raise RetryableError(f"run {run['id']} is still {told} after {timeout:g} s; poll again to wait longer")
        sleep(min(interval, left))
        try:
            run = client.get(f"/runs/{segment(run['id'])}")
        except RetryableError as error:
            click.echo(f"{clock() - started:6.1f} s  {error}", err=True)


def follow_events(client: Client, run_id: str, *, sleep: Callable[[float], None], every_s: float = 1.0) -> None:
    """Print a run's events, one a line on stdout, until it has ended."""
    after = 0
    while True:
        page = client.get(f"/runs/{segment(run_id)}/events", after=after, limit=1_000)
        for event in page["items"]:
            after = event["sequence"]
            click.echo(
                f"{after:>4}  {short_time(event['created_at'])}  {event['type']}  {details(event['payload'])}".rstrip()
            )
            if event["type"] in TERMINAL_STATUSES:
                return
        if page["next_cursor"] is None:
            sleep(every_s)
