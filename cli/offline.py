"""`halo TRACES.jsonl`: the HALO engine's command line; files are analysed without a server."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.engine_flags import EngineOption, engine_options, question_of
from cli.options import json_option
from domain.errors import PermanentError

if TYPE_CHECKING:
    from cli.analysing_files import AnalysedFiles

SUFFIXES = (".md", ".json", ".html")
INCOMPLETE = 3


class TraceFiles(click.Command):
    """A command without a name of its own; the flags about the model have a section of theirs."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What is really typed."""
        formatter.write_usage("halo", "TRACES.jsonl[.gz|.xz|.zst]... [OPTIONS]")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """First what every report is shaped by."""
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        for title, of_engine in (("Options", False), ("Asking a model", True)):
            wanted = [option for option in options if isinstance(option, EngineOption) is of_engine]
            with formatter.section(title):
                formatter.write_dl([record for option in wanted if (record := option.get_help_record(ctx))])


@click.command("analyse", cls=TraceFiles, hidden=True)
@click.argument("traces", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="TRACES...")
@click.option(
    "--output",
    "-o",
    "outputs",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report to FILE.md, FILE.json or FILE.html instead; a FILE.evidence.db for `halo verify` joins "
    "the JSON.",
)
@click.option("--brief", is_flag=True, help="Print only what is pasted into a coding agent.")
@click.option("--quiet", "-q", is_flag=True, help="Tell no progress; errors and unusable lines are told all the same.")
@json_option
@engine_options
@click.pass_context
def analyse(
    ctx: click.Context,
    /,
    traces: tuple[Path, ...],
    outputs: tuple[Path, ...],
    brief: bool,
    quiet: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Analyse trace files without a server and print the report.

    Files hold one span or OTLP/JSON document a line, plain or compressed; several are analysed together. Lines that
    cannot be used are counted and named on stderr. The analysis needs no model; with -p a model looks too, and may
    only say what can be checked. Exit codes: 0 report, 3 incomplete report (a budget or the turns ran out), 1 failure,
    2 usage, 130 and 143 stopped by Ctrl-C or SIGTERM.
    """
    wrong = [str(path) for path in outputs if path.suffix not in SUFFIXES]
    if wrong:
        raise click.BadParameter(
            f"{', '.join(wrong)}: use a name that ends in .md, .json or .html", param_hint="--output"
        )
    if brief and as_json:
        raise click.BadParameter("choose --brief or --json", param_hint="--brief")
    question = question_of(flags, traces, os.environ, _tell)
    for path in outputs:
        _require_writable(path)

    from cli.analysing_files import analyse_files

    produced = analyse_files(traces, tell=_tell, quiet=quiet, question=question)
    _write(produced, outputs)
    _print(produced, as_json=as_json, brief=brief, written=bool(outputs))
    if produced.incomplete:
        _tell(f"incomplete: {produced.incomplete}; the same command with --resume goes on")
        ctx.exit(INCOMPLETE)


def _write(produced: "AnalysedFiles", outputs: Sequence[Path]) -> None:
    try:
        for path in outputs:
            produced.write(path)
            _tell(f"wrote {path}")
    except PermanentError:
        click.echo(produced.markdown)  # it may have cost money: what cannot be written is shown
        raise


def _print(produced: "AnalysedFiles", *, as_json: bool, brief: bool, written: bool) -> None:
    if as_json:
        from cli.output import print_json

        print_json(produced.report.model_dump(mode="json"))
    elif brief:
        from rendering.brief import open_briefs

        click.echo(open_briefs(produced.report).encode(errors="replace").decode())
    elif not written:
        from cli.output import print_markdown

        print_markdown(produced.markdown.rstrip("\n"))


def _require_writable(path: Path) -> None:
    """PermanentError before anything is spent on what could not be kept."""
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise PermanentError(f"{path}: cannot be written: {path.parent} is no directory that can be written to")


def _tell(line: str) -> None:
    click.echo(line, err=True)
