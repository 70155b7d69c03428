"""Conversations as they are read: messages, runs with their reports, and what each run looked at."""

import json
import sqlite3

import zstandard

from domain.runs import Conversation, ConversationRun, Dataset, Message
from store.control.database import Database, as_time, find_one
from store.control.queue import as_run

_STATUS = "(SELECT status FROM runs WHERE conversation_id = conversations.id ORDER BY number DESC LIMIT 1)"


class Conversations(Database):
    """The threads that runs live in."""

    def conversations(self, *, limit: int = 50, offset: int = 0) -> list[Conversation]:
        """Conversations without messages, newest first."""
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT *, {_STATUS} AS latest FROM conversations ORDER BY number DESC LIMIT ? OFFSET ?",
                (limit, offset),
            ).fetchall()
        return [_conversation(row).model_copy(update={"latest_run_status": row["latest"]}) for row in rows]

    def conversation(self, id_prefix: str) -> Conversation | None:
        """One conversation with messages, runs (reports included) and datasets."""
        with self._reading() as connection:
            row = find_one(connection, "conversation", id_prefix)
            if row is None:
                return None
            messages = connection.execute(
                "SELECT * FROM messages WHERE conversation_id = ? ORDER BY sequence", (row["id"],)
            ).fetchall()
            runs = connection.execute(
                "SELECT runs.*, reports.body FROM runs LEFT JOIN reports ON reports.run_id = runs.id "
                "WHERE conversation_id = ? ORDER BY runs.number",
                (row["id"],),
            ).fetchall()
        return _conversation(row).model_copy(
            update={
                "latest_run_status": runs[-1]["status"] if runs else None,
                "messages": tuple(_message(each) for each in messages),
                "runs": tuple(_listed(each) for each in runs),
                "datasets": tuple(_dataset(each) for each in runs),
            }
        )


def _conversation(row: sqlite3.Row) -> Conversation:
    return Conversation(
        id=row["id"],
        title=row["title"],
        agent_uuid=row["agent_uuid"],
        created_at=as_time(row["created_at"]),
        updated_at=as_time(row["updated_at"]),
    )


def _message(row: sqlite3.Row) -> Message:
    return Message(
        sequence=row["sequence"],
        role=row["role"],
        content=row["content"],
        run_id=row["run_id"],
        created_at=as_time(row["created_at"]),
    )


def _listed(row: sqlite3.Row) -> ConversationRun:
    run = as_run(row)
    report = json.loads(zstandard.decompress(row["body"])) if row["body"] is not None else None
    return ConversationRun(
        id=run.id, status=run.status, report=report, created_at=run.created_at, finished_at=run.finished_at
    )


def _dataset(row: sqlite3.Row) -> Dataset:
    run = as_run(row)
    return Dataset(run_id=run.id, agent_uuid=run.agent_uuid, window=run.window, traces=run.traces, spans=run.spans)
