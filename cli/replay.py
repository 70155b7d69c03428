"""`halo replay`: trace files sent to a receiver as an application would send them."""

import asyncio
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click

from cli.options import json_option
from cli.output import print_json, require
from domain.errors import ConfigError, RetryableError
from rendering.escaping import one_line

if TYPE_CHECKING:
    from cli.replaying import Replayer
    from cli.retiming import Changes
    from store.loading import LoadReport

DEFAULT_TO, GRPC_PORT = "http://127.0.0.1:4318", 4317
DEFAULT_BATCH, DEFAULT_PATIENCE = 512, "30s"
_TIMEOUT_S = 30
_BAD_LINES_SHOWN = 3


class Plan(NamedTuple):
    """What to send, where and how."""

    files: Sequence[Path]
    to: str
    settings: dict[str, Any]
    protocol: str
    rate: float | None
    batch: int
    patience: timedelta


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--to",
    default=DEFAULT_TO,
    show_default=True,
    metavar="ENDPOINT",
    help="http://host:4318 for HTTP; host:4317 or grpc://host:4317 for gRPC; https:// and grpcs:// use TLS.",
)
@click.option(
    "--protocol", type=click.Choice(["http", "grpc"]), help="Over what to send.  [default: as the endpoint says]"
)
@click.option("--header", "headers", multiple=True, metavar="KEY=VALUE", help="Send this header too; repeatable.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="At most N spans a second.")
@click.option(
    "--batch",
    type=click.IntRange(1, 100_000),
    default=DEFAULT_BATCH,
    show_default=True,
    metavar="N",
    help="Spans a request.",
)
@click.option(
    "--shift-time",
    is_flag=True,
    help="Move all times so that the newest span ends now; distances stay. Reads the files twice.",
)
@click.option(
    "--new-ids",
    is_flag=True,
    help="Give traces and spans new ids, the same for the same; else a receiver that has these spans ignores them.",
)
@click.option(
    "--retry-for",
    default=DEFAULT_PATIENCE,
    show_default=True,
    metavar="TIME",
    help="How long to try while the receiver is away or asks to wait.",
)
@json_option
def replay(
    files: tuple[Path, ...],
    to: str,
    protocol: str | None,
    headers: tuple[str, ...],
    rate: float | None,
    batch: int,
    shift_time: bool,
    new_ids: bool,
    retry_for: str,
    as_json: bool,
) -> None:
    """Send trace files to an OTLP receiver. Exits 1 when anything in them was not taken.

    FILES are HALO's span lines, OTLP/JSON lines (traces, logs) or encoded trace requests, plain or compressed with
    gzip, xz, zstd or bzip2.
    """
    from cli.retiming import Changes
    from store.loading import LoadReport

    plan = Plan(files, to, *_where(to, protocol, headers), rate, batch, _patience(retry_for))
    shift_ns = time.time_ns() - _newest_ns(files) if shift_time else 0
    changes = Changes(shift_ns, secrets.token_bytes(16) if new_ids else b"")
    report = LoadReport()
    began_s = time.monotonic()
    replayer, is_whole = asyncio.run(_send_all(plan, changes, report))
    seconds = time.monotonic() - began_s
    for bad in report.bad[:_BAD_LINES_SHOWN]:
        click.echo(f"left out: {one_line(str(bad))}", err=True)
    if as_json:
        print_json(_counts(replayer, report, seconds, is_whole))
    else:
        click.echo(one_line(_summary(plan.to, replayer, report, seconds, is_whole)))
    sys.exit(0 if is_whole and not replayer.failed and not report.bad_lines else 1)


def _where(to: str, protocol: str | None, headers: Sequence[str]) -> tuple[dict[str, Any], str]:
    """The settings of a forwarder to an endpoint, and over what it speaks."""
    scheme, _, rest = to.rpartition("://")
    require(
        scheme in ("", "http", "https", "grpc", "grpcs"), f"--to: {scheme}:// is no way to send; use http:// or grpc://"
    )
    try:
        port = urlsplit(f"//{rest}").port
    except ValueError:
        raise ConfigError(f"--to: {to!r} is no endpoint; write http://host:4318 or host:4317") from None
    guess = "grpc" if scheme.startswith("grpc") or port == GRPC_PORT or (not scheme and port != 4318) else "http"
    chosen = protocol or guess
    require(
        chosen == "grpc" or not scheme.startswith("grpc"), f"--to: {scheme}:// speaks gRPC; leave out --protocol http"
    )
    base = rest.removesuffix("/").removesuffix("/v1/traces") if chosen == "http" else rest
    said = dict(header.partition("=")[::2] for header in headers)
    require(all(said) and all("=" in header for header in headers), "--header: write KEY=VALUE")
    is_secure = scheme in ("https", "grpcs")
    endpoint = f"{'https' if is_secure else 'http'}://{base}"
    return {"endpoint": endpoint, "headers": said, "timeout": f"{_TIMEOUT_S}s"}, chosen


def _patience(text: str) -> timedelta:
    from domain.quantities import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--retry-for: {error}") from None


def _newest_ns(files: Sequence[Path]) -> int:
    """The latest time in the files, read through for it."""
    from cli.retiming import newest_ns
    from store.loading import LoadReport, read_requests

    pipes = [path for path in files if path.exists() and not path.is_file()]
    require(not pipes, f"--shift-time: {pipes[0] if pipes else ''} cannot be read twice; save it as a file first")
    return max(newest_ns(*loaded) for loaded in read_requests(files, LoadReport()))


async def _send_all(plan: Plan, changes: "Changes", report: "LoadReport") -> tuple["Replayer", bool]:
    """Send everything; whether it came to the end."""
    from cli.replaying import Replayer, batches
    from store.loading import read_requests

    async with _forwarder(plan) as receiver:
        replayer = Replayer(
            receiver,
            rate=plan.rate,
            patience_s=plan.patience.total_seconds(),
            clock=time.monotonic,
            sleep=asyncio.sleep,
            tell=lambda line: click.echo(line, err=True),
        )
        size = sum(path.stat().st_size for path in plan.files if path.is_file())
        with (
            click.progressbar(
                length=size, label="sending", file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=False
            ) as bar,
            suppress(RetryableError),
        ):
            for signal, request in batches(read_requests(plan.files, report), plan.batch):
                await replayer.send(signal, changes.applied(signal, request))
                bar.update(report.read_bytes - bar.pos)
            return replayer, True
    return replayer, False


def _forwarder(plan: Plan) -> Any:
    from collector.pipeline import FORWARDERS
    from domain.component import load_component
    from domain.settings import read_settings

    module = load_component(FORWARDERS, f"otlp_{plan.protocol}")
    return module.create(read_settings(module.Config, "--to", plan.settings), name="replay")


def _counts(replayer: "Replayer", report: "LoadReport", seconds: float, is_whole: bool) -> dict[str, Any]:
    return {
        "sent": replayer.sent,
        "failed": replayer.failed,
        "reason": replayer.reason or None,
        "bad_lines": report.bad_lines,
        "whole": is_whole,
        "seconds": round(seconds, 3),
    }


def _summary(to: str, replayer: "Replayer", report: "LoadReport", seconds: float, is_whole: bool) -> str:
    total = replayer.sent + replayer.failed
    records = f" and {report.log_records:,} log records" if report.log_records else ""
    what = f"{report.spans:,} spans{records}" if is_whole else f"{total:,} spans or log records"
    said = f"sent {replayer.sent:,} of {what} to {to} in {seconds:.1f} s"
    if replayer.failed:
        said += f"; {replayer.failed:,} failed: {replayer.reason}"
    if report.bad_lines:
        said += f"; {report.bad_lines:,} lines could not be read"
    return said + ("" if is_whole else "; the rest was not tried")
