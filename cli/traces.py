"""`halo trace` and `halo span`: what the window holds."""

from collections.abc import Iterator

import click

from cli.options import Nouns, json_option, limit_option
from cli.output import (
    Object,
    client,
    field,
    print_heading,
    print_json,
    print_page,
    print_pairs,
    print_table,
    seconds_field,
    short_time,
    time_field,
)

COLUMNS = (
    ("trace", field("source_trace_id")),
    ("agent", field("agent_name")),
    ("root", field("root_name")),
    ("start", time_field("start")),
    ("seconds", seconds_field("duration_s")),
    ("spans", field("span_count")),
    ("errors", field("leaf_errors")),
    ("in tokens", field("input_tokens")),
    ("out tokens", field("output_tokens")),
    ("status", field("status")),
)
SPAN_COLUMNS = (
    ("span", field("source_span_id")),
    ("name", lambda item: "  " * item["depth"] + item["name"]),
    ("kind", field("kind")),
    ("seconds", seconds_field("duration_s")),
    ("status", field("status")),
    ("in tokens", field("input_tokens")),
    ("out tokens", field("output_tokens")),
    ("error", field("error")),
)
SORTS = ("start", "duration", "spans", "tokens", "errors")


@click.group(cls=Nouns)
def trace() -> None:
    """Traces in the window. Ids are accepted by unique prefix."""


@trace.command()
@click.option("--agent", help="Only traces of this agent (UUID or prefix).")
@click.option("--status", type=click.Choice(["ok", "error"]), help="error: with at least one leaf error.")
@click.option("--since", metavar="TIME", help="Only traces since: a duration (24h) or an ISO time.")
@click.option(
    "--sort",
    type=click.Choice([*SORTS, *(f"-{key}" for key in SORTS)]),
    default="-start",
    show_default=True,
    metavar="KEY",
    help=f"{', '.join(SORTS)}; a minus before it means descending.",
)
@limit_option("traces", 50)
@json_option
def ls(agent: str | None, status: str | None, since: str | None, sort: str, limit: int, as_json: bool) -> None:
    """List traces. Also: list."""
    found = client().listed("/traces", limit, agent=agent, status=status, since=since, sort=sort)
    print_page(found, COLUMNS, as_json=as_json, empty="No trace matches.")


@trace.command()
@click.argument("trace_id")
@click.option("--full", is_flag=True, help="With --json: the attributes, events and links of every span.")
@json_option
def get(trace_id: str, full: bool, as_json: bool) -> None:
    """Show a trace and the tree of its spans."""
    from api.client import segment

    found = client().get(f"/traces/{segment(trace_id)}", spans="full" if full else None)
    if as_json:
        print_json(found)
        return
    _print_summary(found)
    print_heading(f"\nSpans ({found['span_count']})")
    print_table(found["spans"], SPAN_COLUMNS, empty="No spans.")


def _print_summary(found: Object) -> None:
    tokens = f"{found['input_tokens']:,} in, {found['output_tokens']:,} out"
    print_pairs(
        [
            ("trace", found["trace_id"]),
            ("source id", found["source_trace_id"] if found["source_trace_id"] != found["trace_id"] else None),
            ("agent", f"{found['agent_name']} ({found['agent_uuid']})"),
            ("session", found["session"]),
            ("start", short_time(found["start"])),
            ("seconds", seconds_field("duration_s")(found)),
            ("tokens", tokens),
            ("errors", f"{found['leaf_errors']} ({found['error_spans']} error spans)"),
            ("complete", "yes" if found["complete"] else "not yet"),
        ]
    )


@click.group(cls=Nouns)
def span() -> None:
    """Spans in the window."""


@span.command("get")
@click.argument("trace_id")
@click.argument("span_id")
@json_option
def get_span(trace_id: str, span_id: str, as_json: bool) -> None:
    """Show one span with all its attributes."""
    from api.client import segment

    found = client().get(f"/traces/{segment(trace_id)}/spans/{segment(span_id)}")
    if as_json:
        print_json(found)
        return
    attributes, normalised = found.pop("attributes"), found.pop("normalised")
    shown = {key: value for key, value in found.items() if not isinstance(value, dict | list) and key != "depth"}
    print_pairs(shown.items())
    print_heading("\nNormalised")
    print_pairs(_normalised({key: value for key, value in normalised.items() if key not in shown}))
    print_heading("\nAttributes")
    print_pairs(sorted(attributes.items()))


def _normalised(said: Object) -> Iterator[tuple[str, object]]:
    """Names and values of the record whatever the span's dialect; what holds parts becomes one line."""
    for key, value in said.items():
        if key == "error" and value:
            yield key, ": ".join(filter(None, (value["type"], value["message"])))
        elif key == "handoff" and value:
            yield key, f"{value['from_agent'] or '?'} to {value['to_agent'] or '?'}"
        elif key == "evaluations":
            for verdict in value:
                yield f"evaluation of {verdict['of']}", _verdict(verdict)
        else:
            yield key.replace("_", " "), ", ".join(value) if isinstance(value, list) else value


def _verdict(said: Object) -> str:
    judged = " ".join(str(part) for part in (said["label"], said["score"]) if part is not None)
    return f"{said['name']}: {judged or '-'}" + (f" ({said['explanation']})" if said["explanation"] else "")
