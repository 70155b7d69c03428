"""`halo conversation`: read reports; the first assistant message of a conversation is one."""

import sys
import time
from typing import Any

import click

from cli.options import DEFAULT_DEPTH, DEFAULT_TURNS, Nouns, given, json_option, limit_option, model_options
from cli.output import (
    Object,
    client,
    field,
    print_heading,
    print_json,
    print_markdown,
    print_page,
    print_pairs,
    print_table,
    short_time,
    time_field,
)
from rendering.escaping import one_line

COLUMNS = (
    ("id", field("id")),
    ("title", field("title")),
    ("latest run", field("latest_run_status")),
    ("updated", time_field("updated_at")),
)
RUN_COLUMNS = (
    ("id", field("id")),
    ("status", field("status")),
    ("created", time_field("created_at")),
    ("finished", time_field("finished_at")),
)
EXIT_INCOMPLETE = 3
DATASET_COLUMNS = (
    ("run", field("run_id")),
    ("agent", field("agent_uuid")),
    ("window start", time_field("window.start")),
    ("window end", time_field("window.end")),
    ("traces", field("traces")),
    ("spans", field("spans")),
)


@click.group(cls=Nouns)
def conversation() -> None:
    """Conversations: the threads runs live in. Their assistant messages are the reports, in Markdown."""


@conversation.command()
@limit_option("conversations", 50)
@json_option
def ls(limit: int, as_json: bool) -> None:
    """List conversations, newest first. Also: list."""
    found = client().listed("/conversations", limit)
    print_page(found, COLUMNS, as_json=as_json, empty="No conversations yet. `halo run create` starts one.")


@conversation.command()
@click.argument("conversation_id")
@json_option
def get(conversation_id: str, as_json: bool) -> None:
    """Print a conversation with its messages in full, its runs and its datasets.

    \b
    halo conversation get ID --json | jq -r '.messages[-1].content'    the latest report alone
    """
    from api.client import segment

    found = client().get(f"/conversations/{segment(conversation_id)}")
    if as_json:
        print_json(found)
        return
    print_pairs(
        [
            ("conversation", found["id"]),
            ("title", found["title"]),
            ("agent", found["agent_uuid"]),
            ("updated", short_time(found["updated_at"])),
        ]
    )
    print_heading(f"\nMessages ({len(found['messages'])})")
    for message in found["messages"]:
        click.echo(f"\n[{message['sequence']}] {message['role']}:\n")
        print_markdown(message["content"])
    print_heading(f"\nRuns ({len(found['runs'])})")
    print_table(found["runs"], RUN_COLUMNS, empty="No runs.")
    print_heading("\nDatasets")
    print_table(found["datasets"], DATASET_COLUMNS, empty="Nothing has been read yet.")


def _asking_options(command: Any) -> Any:
    for option in reversed(model_options()):
        command = option(command)
    return command


@conversation.command()
@click.argument("conversation_id")
@click.argument("question")
@click.option("--model-id", help="Model to ask.  [default: engine.model]")
@click.option(
    "--max-subagent-depth",
    type=click.IntRange(1, 5),
    metavar="N",
    default=DEFAULT_DEPTH,
    show_default=True,
    help="Engine recursion ceiling (1–5).",
)
@click.option(
    "--max-turns",
    type=click.IntRange(1, 100),
    metavar="N",
    default=DEFAULT_TURNS,
    show_default=True,
    help="Per-agent turn ceiling (1–100).",
)
@_asking_options
@click.option("--no-wait", is_flag=True, help="Print the run and do not wait for its answer.")
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="S", default=1800, show_default=True, help="Seconds to wait in all."
)
@json_option
def ask(conversation_id: str, question: str, no_wait: bool, timeout: float, as_json: bool, **options: Any) -> None:
    """Ask a question about a report; a model looks into the same window and answers in the conversation.

    Exits 0 with an answer, 3 when it is incomplete, 1 when there is none.
    """
    from api.client import segment
    from cli.polling import poll_run

    halo = client()
    run = halo.post(f"/conversations/{segment(conversation_id)}/runs", given(prompt=question, **options))
    if not no_wait:
        run = poll_run(halo, run["id"], 1.0, timeout, sleep=time.sleep, clock=time.monotonic)
    if as_json:
        print_json(run)
    elif no_wait:
        click.echo(f"Created run {run['id']}")
        click.echo(f"Follow it:  halo run poll {run['id']}", err=True)
    else:
        _print_answer(halo, run)
    if not no_wait and run["status"] != "completed":
        sys.exit(EXIT_INCOMPLETE if run["status"] == "incomplete" else 1)


def _print_answer(halo: Any, run: Object) -> None:
    """What the run said in its conversation, or why it said nothing."""
    from api.client import segment

    messages = halo.get(f"/conversations/{segment(run['conversation_id'])}")["messages"]
    said = [each["content"] for each in messages if each["run_id"] == run["id"] and each["role"] == "assistant"]
    if said:
        print_markdown(said[-1].rstrip("\n"))
    else:
        click.echo(f"Run {run['id']} is {run['status']}: {one_line(run['error'] or 'there is no answer')}", err=True)
