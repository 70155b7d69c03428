"""Writes each report into a directory: JSON, Markdown and the evidence database, and the latest under one name."""

import asyncio
import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import Field, ValidationError

from domain.component import ComponentConfig
from domain.errors import PermanentError, RetryableError
from domain.report import Report
from domain.runs import Delivery

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Config(ComponentConfig):
    """`exporters.file` of halo.yaml."""

    directory: Path | None = Field(default=None, description="Where to write; null: `reports` in the data directory.")


def create(config: Config, *, data_dir: Path) -> "FileExporter":
    """An exporter that writes `<agent_uuid>/{<run_id>,latest}.{json,md}` and `<run_id>.evidence.db`."""
    return FileExporter(config.directory or data_dir / "reports")


class FileExporter:
    """Writes reports under one directory; whoever reads there sees whole files only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def export(
        self, delivery: Delivery, report: Report, markdown: str, evidence: Callable[[], bytes | None]
    ) -> None:
        """Write one report; written again, it replaces itself."""
        await asyncio.to_thread(write_report, self._directory, report, markdown, evidence)


def write_report(directory: Path, report: Report, markdown: str, evidence: Callable[[], bytes | None]) -> None:
    """The files of one report, the evidence first and `latest` last; `latest` never goes back to an older report.

    PermanentError when an id could not be a file name, RetryableError when the file system refuses.
    """
    folder = directory / _agent_folder(report) if report.agent.uuid else directory
    run_id = report.run_id
    if not _RUN_ID.fullmatch(run_id) or run_id == "latest":
        raise PermanentError(f"the run id {run_id[:80]!r} cannot be a file name")
    as_json = report.model_dump_json(indent=2).encode() + b"\n"
    as_markdown = markdown.encode("utf-8", "replace")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        proof = evidence()
        if proof is not None:
            _replace(folder / f"{run_id}.evidence.db", proof)
        _replace(folder / f"{run_id}.md", as_markdown)
        _replace(folder / f"{run_id}.json", as_json)
        if _is_latest(folder / "latest.json", report):
            _replace(folder / "latest.md", as_markdown)
            _replace(folder / "latest.json", as_json)
        _sync_directory(folder)
    except OSError as error:
        raise RetryableError(f"cannot write into {folder}: {error.strerror or error}") from error


def _agent_folder(report: Report) -> str:
    try:
        return str(uuid.UUID(report.agent.uuid))
    except ValueError:
        raise PermanentError(f"the agent uuid {report.agent.uuid[:80]!r} is none") from None


def _is_latest(path: Path, report: Report) -> bool:
    """Whether no newer report stands there; deliveries that were retried arrive out of order."""
    try:
        standing = Report.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return True
    return standing.generated_at <= report.generated_at


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # on a full disk the half that was written would stay in the way
        raise


def _sync_directory(folder: Path) -> None:
    """Without this a power cut may take the new names, though it leaves the contents."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
