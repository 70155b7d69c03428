"""Writes each report into a directory: JSON, Markdown, HTML and its evidence, and the latest under one name."""

import asyncio
import os
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from pydantic import Field, ValidationError

from domain.component import ComponentConfig
from domain.errors import PermanentError, RetryableError
from domain.report import Report
from domain.runs import Delivery

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Config(ComponentConfig):
    """`exporters.file` of halo.yaml."""

    directory: Path | None = Field(default=None, description="Where to write; null: `reports` in the data directory.")
    formats: tuple[Literal["md", "html"], ...] = Field(
        default=("md", "html"), description="What is written beside the JSON, which `halo verify` reads."
    )


def create(config: Config, *, data_dir: Path) -> "FileExporter":
    """An exporter that writes `<agent_uuid>/{<run_id>,latest}.{json,md,html}` and `<run_id>.evidence.db`."""
    return FileExporter(config.directory or data_dir / "reports", config.formats)


class FileExporter:
    """Writes reports under one directory; whoever reads there sees whole files only."""

    def __init__(self, directory: Path, formats: Sequence[str] = ("md", "html")) -> None:
        self._directory = directory
        self._formats = tuple(formats)

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
        await asyncio.to_thread(self._write, report, markdown, evidence)

    def _write(self, report: Report, markdown: str, evidence: Callable[[], bytes | None]) -> None:
        shown: dict[str, bytes] = {}
        if "md" in self._formats:
            shown["md"] = markdown.encode("utf-8", "replace")
        if "html" in self._formats:
            from rendering.html import page  # brings the templates with it, which nobody waits for at start

            shown["html"] = page(report).encode("utf-8", "replace")
        write_report(self._directory, report, shown, evidence)


def write_report(
    directory: Path, report: Report, shown: Mapping[str, bytes], evidence: Callable[[], bytes | None]
) -> None:
    """The files of one report, the evidence first and `latest` last; `latest` never goes back to an older report.

    `shown` are its renderings by suffix, written before the JSON that says that all is there.

    PermanentError when an id could not be a file name, RetryableError when the file system refuses.
    """
    folder = directory / _agent_folder(report) if report.agent.uuid else directory
    run_id = report.run_id
    if not _RUN_ID.fullmatch(run_id) or run_id == "latest":
        raise PermanentError(f"the run id {run_id[:80]!r} cannot be a file name")
    as_json = report.model_dump_json(indent=2).encode() + b"\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        proof = evidence()
        if proof is not None:
            _replace(folder / f"{run_id}.evidence.db", proof)
        names = [run_id, "latest"] if _is_latest(folder / "latest.json", report) else [run_id]
        for name in names:
            for suffix, content in {**shown, "json": as_json}.items():
                _replace(folder / f"{name}.{suffix}", content)
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
