"""`halo conversation`: read reports; the first assistant message of a conversation is one."""

import click

from cli.options import Nouns, json_option, limit_option
from cli.output import (
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
