"""docs/commands.md: every command with its options, as `--help` has them."""

import inspect
from collections.abc import Iterator

import click

from cli.main import ALIASES, SECTIONS, halo
from cli.offline import analyse
from pages.tables import cell, code, page, table

ABOUT = """\
Exit codes: 0 all is well; 1 failure, not found, mismatch, or a run that did not complete; 2 a mistake in the command
line or the configuration; 3 the report is incomplete. `--json` prints JSON for programs. Progress and hints go to
stderr.

Client commands speak to `HALO_ENDPOINT` (default `http://127.0.0.1:4320`), with the token in `HALO_API_TOKEN` if the
API asks for one. Ids are accepted by unique prefix. Completion for bash: `eval "$(_HALO_COMPLETE=bash_source halo)"`.
"""


def prose(text: str) -> str:
    """A command's help as Markdown: paragraphs, and what is marked as preformatted as a block."""
    parts = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b\n"):
            parts.append(f"```console\n{paragraph[2:]}\n```")
        else:
            parts.append(" ".join(paragraph.split()))
    return "\n\n".join(parts)


def options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Each option as `--help` lists it, but for `--help` itself."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option) and "--help" not in parameter.opts:
            yield code(record[0]), cell(record[1])


def section(command: click.Command, path: str, parent: click.Context, level: int) -> Iterator[str]:
    """A command and those below it."""
    context = click.Context(command, info_name=path.rpartition(" ")[2], parent=parent)
    usage = " ".join(["halo", *path.split(" ")[1:], *command.collect_usage_pieces(context)])
    yield f"{'#' * level} {path}"
    yield prose(command.help or "")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from section(below, f"{path} {name}", context, level + 1)
        return
    yield f"```console\n$ {usage}\n```"
    rows = list(options(command, context))
    if rows:
        yield table(("option", ""), rows)


def markdown() -> str:
    """The page."""
    root = click.Context(halo, info_name="halo")
    parts: list[str] = []
    for title, commands in SECTIONS.items():
        parts.append(f"## {title}")
        for command in commands:
            parts += section(command, f"halo {command.name}", root, 3)
    parts += section(analyse, "halo TRACES.jsonl", root, 2)
    aliases = ", ".join(f"`{alias}` for `{name}`" for alias, name in ALIASES.items())
    return page("Commands", ABOUT, f"Aliases: {aliases}; `list` for every `ls`.", *parts)
