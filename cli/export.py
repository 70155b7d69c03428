"""`halo export`: what a window holds, as files that HALO and other tools read."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from cli.options import json_option
from cli.output import print_json, require
from domain.errors import PermanentError

if TYPE_CHECKING:
    from domain.spans import StoredTrace
    from store.base import WindowReader

DEFAULT_DATA_DIR = "halo-data"
MAX_LINE_SPANS = 512
MAX_LINE_BYTES = 4 * 1024 * 1024
_END_OF_TIME_NS = 2**63 - 1
Lines = Callable[["StoredTrace"], Iterable[str]]


@click.command()
@click.option("--agent", metavar="AGENT", help="Only traces of this agent: UUID, unique prefix, or name.")
@click.option("--since", metavar="TIME", help="Only traces that ended since: a duration (24h) or an ISO time.")
@click.option(
    "--trace", "traces", multiple=True, metavar="ID", help="Only this trace (id or unique prefix); repeatable."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["otlp-json", "halo-jsonl"]),
    default="otlp-json",
    show_default=True,
    help="OTLP export requests, one a line; or HALO's span lines, one span a line.",
)
@click.option("-o", "--output", default="-", metavar="FILE", help="Where to write; - is standard output.  [default: -]")
@click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="HALO_DATA_DIR",
    default=DEFAULT_DATA_DIR,
    help="The sidecar's data directory; the sidecar may be running.  [default: HALO_DATA_DIR, ./halo-data]",
)
@json_option
def export(
    agent: str | None,
    since: str | None,
    traces: tuple[str, ...],
    form: str,
    output: str,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Write the traces of a window to a file, oldest first, with all they carry.

    Log records that belong to a span stand in it as its events. HALO's span lines are JSON: bytes become base64, and
    what OTLP has beside spans (schema URLs, scope attributes, unknown fields) is left out.
    """
    from cli.config import BACKENDS, DEFAULT_BACKEND
    from domain.component import load_component

    require(not (traces and (agent or since)), "--trace names the traces; leave out --agent and --since")
    require(not as_json or output != "-", "--json: prints what was written where the traces would go; give -o FILE")
    lines = _FORMATS[form]
    with load_component(BACKENDS, DEFAULT_BACKEND).open_reader(data_dir) as reader:
        if traces:
            ids = list(dict.fromkeys(_trace_id(reader, each) for each in traces))
            found, count = filter(None, map(reader.trace, ids)), len(ids)
        else:
            keys = _keys(reader, agent, since)
            found, count = reader.read(keys), len(keys)
        with _opened(output) as file:
            written, spans = _write(found, count, lines, file)
    if as_json:
        return print_json({"traces": written, "spans": spans, "file": output})
    where = "standard output" if output == "-" else output
    click.echo(f"{spans:,} spans of {written:,} traces written to {where}", err=True)


def _keys(reader: "WindowReader", agent: str | None, since: str | None) -> tuple[int, ...]:
    from api.asking import RequestError
    from api.times import nanoseconds
    from api.times import since as moment
    from store.base import Selection

    try:
        from_ns = nanoseconds(moment(since, datetime.now(UTC))) if since else 0
    except RequestError as error:
        raise PermanentError(f"--{error}") from None
    uuids = None if agent is None else (_agent_uuid(reader, agent),)
    return reader.keys(Selection(from_ns, _END_OF_TIME_NS, uuids))


def _agent_uuid(reader: "WindowReader", wanted: str) -> str:
    named = [agent for agent in reader.agents() if agent.name == wanted]
    if len(named) > 1:
        choices = ", ".join(agent.uuid for agent in named[:3])
        raise PermanentError(f"several agents are called {wanted!r}: {choices}; give the UUID")
    found = named[0] if named else reader.find_agent(wanted)
    if found is None:
        raise PermanentError(f"no agent {wanted!r} in this window; `halo agent ls` lists them")
    return found.uuid


def _trace_id(reader: "WindowReader", wanted: str) -> str:
    found = reader.trace(wanted)
    if found is None:
        raise PermanentError(f"no trace {wanted!r} in this window; `halo trace ls` lists them")
    return found.summary.trace_id


def _write(traces: Iterable["StoredTrace"], count: int, lines: Lines, file: IO[bytes]) -> tuple[int, int]:
    """How many traces and spans were written; progress is shown to a person."""
    written = spans = 0
    with click.progressbar(
        length=count, label="exporting", file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=True
    ) as bar:
        for trace in traces:
            for line in lines(trace):
                file.write(line.encode() + b"\n")
            written += 1
            spans += len(trace.spans)
            bar.update(1)
    return written, spans


@contextmanager
def _opened(output: str) -> Iterator[IO[bytes]]:
    """Standard output, or a file that is there as a whole or not at all; PermanentError when it cannot be written."""
    if output == "-":
        yield sys.stdout.buffer
        return
    path = Path(output)
    is_special = path.exists() and not path.is_file()
    target = path if is_special else path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with target.open("wb") as file:
            yield file
        if not is_special:
            target.replace(path)
    except OSError as error:
        raise PermanentError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if not is_special:
            target.unlink(missing_ok=True)


def otlp_lines(trace: "StoredTrace") -> Iterator[str]:
    """OTLP/JSON trace requests of bounded size."""
    from domain.otlp import ExportTraceServiceRequest
    from domain.otlp_json import to_json
    from domain.wire import Piece, join

    def line(pieces: list[Piece]) -> str:
        document = to_json(ExportTraceServiceRequest.FromString(join(pieces)))
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    pieces: list[Piece] = []
    size = 0
    for stored in trace.spans:
        if pieces and (len(pieces) >= MAX_LINE_SPANS or size + len(stored.raw) > MAX_LINE_BYTES):
            yield line(pieces)
            pieces, size = [], 0
        pieces.append(Piece(stored.resource_raw, stored.scope_raw, stored.raw))
        size += len(stored.raw)
    if pieces:
        yield line(pieces)


def halo_lines(trace: "StoredTrace") -> Iterable[str]:
    """HALO's span lines."""
    from domain.halo_lines import encode_lines

    return encode_lines(trace.spans)


_FORMATS: dict[str, Lines] = {"otlp-json": otlp_lines, "halo-jsonl": halo_lines}
