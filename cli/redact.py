"""`halo redact`: a dry run of the redact processors over trace files."""

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.checking import config_options
from cli.options import json_option
from cli.output import field, print_json, print_table

if TYPE_CHECKING:
    from collector.redaction.trial import Trial

TYPE = "redact"
_COLUMNS = (
    ("RULE", field("rule")),
    ("VALUES", field("values")),
    ("ITEMS", field("items")),
    ("FIRST IN", field("first")),
)


@click.command()
@click.argument("traces", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@config_options
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write what is left here."
)
@json_option
def redact(
    traces: tuple[Path, ...],
    files: tuple[Path, ...],
    overrides: tuple[str, ...],
    data_dir: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Show what the redact processors would take out of trace files; nothing is kept or sent.

    The rules are those of the configuration; without any redact processor in it, the built-in rules for secrets.
    Values are never shown. FILES are as for `halo replay`; what is left is written as OTLP/JSON lines.
    """
    from cli.config import load_config

    configured = load_config(files, overrides, data_dir).processors
    trial, read = asyncio.run(_tried(traces, [each for each in configured if _is_redact(each.id)], output))
    rows = [{"rule": rule, **hits._asdict()} for rule, hits in sorted(trial.hits.items())]
    if as_json:
        print_json({"items": trial.items, "affected": trial.affected, "bad_lines": read, "rules": rows})
        return
    print_table(rows, _COLUMNS, empty="No rule found anything.")
    click.echo(f"{trial.affected:,} of {trial.items:,} items would be changed.")
    if read:
        click.echo(f"{read:,} lines could not be read.", err=True)


async def _tried(traces: tuple[Path, ...], wanted: list[Any], output: Path | None) -> "tuple[Trial, int]":
    from collector.pipeline import PROCESSORS, configure, processing
    from collector.redaction.trial import Trial
    from domain.otlp_json import to_json
    from store.loading import LoadReport, read_requests

    report = LoadReport()
    with ExitStack() as stack:
        out = stack.enter_context(output.open("w", encoding="utf-8")) if output else None
        async with processing(wanted or configure({PROCESSORS: {TYPE: {}}})[PROCESSORS]) as running:
            trial = Trial(list(running.values()))
            for signal, request in read_requests(traces, report):
                left = await trial.redact(signal, request)
                if out is not None:
                    out.write(json.dumps(to_json(signal.request.FromString(left)), ensure_ascii=False) + "\n")
    return trial, report.bad_lines


def _is_redact(component_id: str) -> bool:
    return component_id.partition("/")[0] == TYPE
