"""`halo`: a known command, or trace files to analyse without a server."""

import errno
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from cli.agents import agent
from cli.checking import components, print_config, validate
from cli.conversations import conversation
from cli.export import export
from cli.findings import finding
from cli.health import health
from cli.offline import analyse
from cli.redact import redact
from cli.replay import replay
from cli.reports import report
from cli.runs import run
from cli.schedules import schedule
from cli.schema import schema
from cli.serve import serve
from cli.traces import span, trace
from cli.verify import verify
from domain.errors import ConfigError, HaloError

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Run the sidecar": (serve, validate, print_config, components, schema, health),
    "Look and read": (agent, run, conversation, schedule, report, finding, trace, span, verify),
    "Files in and out": (export, replay, redact),
}
ALIASES = {"conv": "conversation"}
_OWN_OPTIONS = ("-h", "--help", "-v", "--version")


class RefusedError(click.ClickException):
    """What HALO says of an input it will not take: one line for each problem, exit 2."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\nError: ".join(problems))


class Halo(click.Group):
    """A group in which whatever is no command is a trace file."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name or alias."""
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A known command wins over a file of that name; anything else is handed to the offline analysis."""
        if args and args[0] not in _OWN_OPTIONS and self.get_command(ctx, args[0]) is None:
            _refuse_a_mistyped_command(args[0], list(self.commands))
            args = [str(analyse.name), *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, by section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(str(each.name), each.get_short_help_str(90)) for each in commands])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; the errors of the house become one line each."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise RefusedError(error.problems) from error
        except HaloError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left to print cannot be printed at the end either
            raise click.ClickException(f"cannot go on: {error}") from error


def _refuse_a_mistyped_command(word: str, commands: list[str]) -> None:
    if word.startswith("-") or os.sep in word or "." in word or Path(word).exists():
        return
    near = get_close_matches(word, [*commands, *ALIASES], n=1)
    hint = f"did you mean `halo {near[0]}`?" if near else "`halo --help` lists the commands"
    raise click.UsageError(f"{word!r} is neither a command nor a file; {hint}")


@click.group(
    cls=Halo,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    subcommand_metavar="COMMAND [ARGS]... | TRACES.jsonl...",
)
@click.version_option(None, "-v", "--version", package_name="halo-sidecar", message="halo %(version)s")
@click.pass_context
def halo(ctx: click.Context) -> None:
    """HALO stands beside an LLM agent, keeps its traces, finds what fails systematically and reports it.

    \b
    halo serve                     receive OTLP on 4317 and 4318, analyse on request or on a schedule
    halo agent ls                  see whose traces arrive
    halo run create                analyse an agent's last day
    halo traces.jsonl [OPTIONS]    analyse files without a server; `halo x.jsonl --help` lists the options

    Client commands speak to HALO_ENDPOINT (http://127.0.0.1:4320), with HALO_API_TOKEN if one is needed.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _command in (*(each for commands in SECTIONS.values() for each in commands), analyse):
    halo.add_command(_command)


def main() -> None:
    """The console script."""
    halo(prog_name="halo")


if __name__ == "__main__":
    main()
