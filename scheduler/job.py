"""What the worker tells its child process: one JSON line on standard input."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from telemetry.logs import LogFormat, LogLevel


class Job(BaseModel):
    """One attempt at one run; everything else the child finds in the store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: Path = Field(description="The data directory.")
    backend: str = Field(default="sqlite", description="The store backend whose reading door is opened.")
    run_id: str
    attempt: int
    exporters: tuple[str, ...] = Field(default=(), description="Ids of the exporters that the report is owed to.")
    detectors: dict[str, Any] = Field(default_factory=dict, description="The user's settings of detectors.")
    engine: dict[str, Any] = Field(
        default_factory=dict, repr=False, description="Settings of the engine, secrets in clear; empty: no model."
    )
    run_timeout_s: float = Field(default=1_800.0, description="When the worker ends the attempt.")
    settle_timeout_s: float = Field(default=60.0, description="How long to wait for traces to become quiet.")
    log_level: LogLevel = "info"
    log_format: LogFormat = "console"

    def line(self) -> bytes:
        """The job as the child reads it."""
        return self.model_dump_json().encode() + b"\n"
