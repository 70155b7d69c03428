"""`halo TRACES.jsonl`: the HALO engine's command line; files are analysed without a server."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from cli.options import Command, json_option

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
SUFFIXES = (".md", ".json", ".html")


class EngineOption(click.Option):
    """A flag of the HALO engine's command line, accepted so that a call written for it runs unchanged."""


class TraceFiles(click.Command):
    """A command without a name of its own; the engine's flags have a section of theirs."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What is really typed."""
        formatter.write_usage("halo", "TRACES.jsonl[.gz|.xz|.zst]... [OPTIONS]")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """First what has an effect."""
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        for title, of_engine in (("Options", False), ("Options of the HALO engine, unused without a model", True)):
            wanted = [option for option in options if isinstance(option, EngineOption) is of_engine]
            with formatter.section(title):
                formatter.write_dl([record for option in wanted if (record := option.get_help_record(ctx))])


def _model_options(command: Command) -> Command:
    flag = partial(click.option, cls=EngineOption)
    options = [
        flag("--prompt", "-p", help="What to ask of the traces."),
        flag("--model", "-m", help="Model of root agent and subagents."),
        flag("--synthesis-model", help="Model of the synthesis."),
        flag("--compaction-model", help="Model of the compaction."),
        flag("--max-depth", type=click.IntRange(0), metavar="N", help="Max subagent recursion depth."),
        flag("--max-turns", type=click.IntRange(1), metavar="N", help="Max turns per agent."),
        flag("--max-parallel", type=click.IntRange(1), metavar="N", help="Max concurrent subagents."),
        flag("--base-url", help="OpenAI-compatible API base URL."),
        flag("--api-key", help="Provider API key."),
        flag("--header", "-H", multiple=True, metavar="NAME: VALUE", help="Provider header."),
        flag("--temperature", type=float, help="Sampling temperature."),
        flag("--max-output-tokens", type=click.IntRange(1), metavar="N", help="Maximum output tokens."),
        flag("--parallel-tool-calls/--no-parallel-tool-calls", default=None, help="Parallel tool calls."),
        flag("--refusal-retries", type=click.IntRange(0), metavar="N", help="Retries when a model refuses."),
        flag("--reasoning-effort", type=click.Choice(EFFORTS), help="Reasoning effort."),
        flag("--telemetry", is_flag=True, default=None, help="Emit traces of HALO's own work."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("analyse", cls=TraceFiles, hidden=True)
@click.argument("traces", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="TRACES...")
@_model_options
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
@json_option
def analyse(
    traces: tuple[Path, ...], outputs: tuple[Path, ...], brief: bool, as_json: bool, **model_flags: Any
) -> None:
    """Analyse trace files without a server and print the report.

    Files hold one span or OTLP/JSON document a line, plain or compressed; several are analysed together. Lines that
    cannot be used are counted and named on stderr. The analysis needs no model and asks none.
    """
    wrong = [str(path) for path in outputs if path.suffix not in SUFFIXES]
    if wrong:
        raise click.BadParameter(
            f"{', '.join(wrong)}: use a name that ends in .md, .json or .html", param_hint="--output"
        )
    if brief and as_json:
        raise click.BadParameter("choose --brief or --json", param_hint="--brief")
    _tell_unused(model_flags)

    from cli.analysing_files import analyse_files

    produced = analyse_files(traces, tell=_tell)
    for path in outputs:
        produced.write(path)
        _tell(f"wrote {path}")
    if as_json:
        from cli.output import print_json

        print_json(produced.report.model_dump(mode="json"))
    elif brief:
        from rendering.brief import open_briefs

        click.echo(open_briefs(produced.report).encode(errors="replace").decode())
    elif not outputs:
        from cli.output import print_markdown

        print_markdown(produced.markdown.rstrip("\n"))


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _tell_unused(model_flags: dict[str, Any]) -> None:
    given = [f"--{name.replace('_', '-')}" for name, value in model_flags.items() if value not in (None, ())]
    if given:
        are = "is" if len(given) == 1 else "are"
        _tell(f"{', '.join(given)} {are} unused: this version has no model engine; the analysis alone runs")
    sys.stderr.flush()
