"""What commands print: tables and colour for people, JSON for programs, plain text when piped."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from domain.errors import ConfigError
from rendering import terminal
from rendering.escaping import one_line

Object = dict[str, Any]
Column = tuple[str, Callable[[Object], object]]
_ACTING = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def colour() -> bool:
    """Whether a person is looking, and has not asked for plain text (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def print_json(value: object) -> None:
    """JSON on stdout, indented; characters that drive a terminal, and half surrogate pairs, as escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(_ACTING.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def print_page(page: Object, columns: Sequence[Column], *, as_json: bool, empty: str) -> None:
    """A list of the API: the object itself as JSON, or a table, or a hint on stderr when it is empty."""
    if as_json:
        print_json(page)
        return
    print_table(page["items"], columns, empty=empty)
    if page["next_cursor"] is not None:
        click.echo(f"There is more; --limit {2 * len(page['items'])} shows more of it.", err=True)


def print_table(items: Sequence[Object], columns: Sequence[Column], *, empty: str) -> None:
    """One row an item, or a hint on stderr when there is none."""
    if items:
        rows = [[value(item) for _, value in columns] for item in items]
        click.echo(terminal.table([name for name, _ in columns], rows, colour=colour()))
    else:
        click.echo(empty, err=True)


def print_pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line."""
    click.echo(terminal.pairs(rows, colour=colour()))


def print_heading(text: str) -> None:
    """A line above a part of the output."""
    click.echo(terminal.style(text, terminal.BOLD, colour()))


def print_markdown(text: str) -> None:
    """A report in full; on a terminal, as wide as that is."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo(terminal.markdown(text, colour=colour(), width=width).encode(errors="backslashreplace").decode())


def field(name: str) -> Callable[[Object], object]:
    """A column that shows one key; a dot leads into an object."""
    parts = name.split(".")

    def read(item: Object) -> object:
        value: Any = item
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return read


def time_field(name: str) -> Callable[[Object], object]:
    """A column that shows a time to the second."""
    read = field(name)
    return lambda item: short_time(read(item))


def seconds_field(name: str) -> Callable[[Object], object]:
    """A column that shows seconds to the millisecond."""
    read = field(name)
    return lambda item: None if (value := read(item)) is None else f"{value:,.3f}"


def short_time(value: object) -> str:
    """`2025-03-01 08:30:00Z` of an ISO time in UTC."""
    text = str(value or "-")
    return text[:19].replace("T", " ") + "Z" if len(text) >= 19 else text


def details(payload: Object) -> str:
    """An event's payload in a line: `traces=4, of=9`."""
    return one_line(", ".join(f"{key}={value}" for key, value in payload.items()))


def client() -> Any:
    """A client for the sidecar that HALO_ENDPOINT names."""
    from api.client import DEFAULT_ENDPOINT, Client

    return Client(os.environ.get("HALO_ENDPOINT") or DEFAULT_ENDPOINT, os.environ.get("HALO_API_TOKEN"))


def require(condition: bool, problem: str) -> None:
    """ConfigError (exit 2) unless a condition on the command line holds."""
    if not condition:
        raise ConfigError(problem)
