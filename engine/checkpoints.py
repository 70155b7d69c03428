"""The state of a run on disk after every turn, so that a run which was killed goes on where it was.

A state is written beside the old one and takes its place in one step: whenever the process dies, a whole state is
there. It holds what the run said and was shown, and nothing of how the model is reached: no key, no header.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import PermanentError
from engine.context.compaction import CompactionState
from engine.models.messages import AgentMessage
from engine.window import TraceWindow

_VERSION: Literal[1] = 1
_OWNER_ONLY = 0o600
_FACTS = (
    "SELECT count(*), sum(spans), sum(bytes), min(start_ns), max(end_ns), min(trace_id), max(trace_id),"
    " sum(input_tokens), sum(output_tokens) FROM traces"
)


class RunState(BaseModel):
    """A run between two turns of its root.

    `traces` and `question` are digests of what it looks at and of what it was asked; `context` holds the root's
    conversation; `input_tokens` and what follows is what the run has used, `usd` None when a price is unknown.
    """

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = _VERSION
    traces: str
    question: str
    fence_token: str
    context: CompactionState
    root_id: str
    turns: int
    tool_calls: int
    last_text: str
    first_sequence: int
    last_sequence: int
    next_sequence: int
    agents: int
    all_turns: int
    models: list[str]
    requests: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    usd: float | None
    known_usd: float = 0.0
    seconds: float
    shown_traces: list[str] = Field(default_factory=list)
    shown_spans: list[tuple[str, str]] = Field(default_factory=list)


def save(path: Path, state: RunState) -> None:
    """Put a state in place of the one before. PermanentError: it cannot be written there; the one before is left."""
    new = path.with_name(f"{path.name}.new")
    text = json.dumps(state.model_dump(mode="python"), separators=(",", ":"))
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(descriptor, _OWNER_ONLY)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise PermanentError(f"{path}: cannot write the run's state ({error.strerror}); name another file") from error


def load(path: Path) -> RunState:
    """The state that was saved last. PermanentError: there is none, or the file holds something else."""
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise PermanentError(f"{path}: no run to go on with; start it anew, without resuming") from error
    except OSError as error:
        raise PermanentError(f"{path}: cannot read the run's state ({error.strerror})") from error
    try:
        return RunState.model_validate(_object(text))
    except (ValidationError, ValueError, RecursionError) as error:
        raise PermanentError(f"{path}: no run's state of this version; start anew, without resuming") from error


def remove(path: Path) -> None:
    """Forget a run that needs no going on."""
    path.unlink(missing_ok=True)


def require_same(path: Path, state: RunState, traces: str, question: str) -> None:
    """PermanentError: the state is of a run over other traces, or of one that was asked something else."""
    if state.traces != traces:
        raise PermanentError(f"{path}: that run looked at other traces; give it the same files, or start anew")
    if state.question != question:
        raise PermanentError(f"{path}: that run was asked something else; ask the same question, or start anew")


def print_of_question(messages: Sequence[AgentMessage]) -> str:
    """A digest of what a run is asked, the conversation before it included."""
    said = [[message.role, message.content] for message in messages if message.role != "system"]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def print_of_traces(window: TraceWindow) -> str:
    """A digest of the traces of a window: how many, how large, from when to when."""
    rows = window.reader.query(_FACTS, selection=window.selection).rows
    return hashlib.sha256(json.dumps([list(row) for row in rows]).encode()).hexdigest()


def _object(text: bytes) -> Any:
    return json.loads(text.decode("ascii"))


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
