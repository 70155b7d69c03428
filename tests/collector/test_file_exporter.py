"""The file exporter, against a real directory."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from collector.exporters import file
from domain.errors import PermanentError, RetryableError
from domain.report import Report
from rendering.html import page
from tests.collector.fakes import AGENT_UUID, NOON, delivery, no_evidence, report


async def write(directory: Path, made: Report, evidence: Callable[[], bytes | None] = no_evidence) -> None:
    async with file.create(file.Config(), data_dir=directory) as exporter:
        await exporter.export(delivery(made.run_id), made, f"# {made.run_id}", evidence)


def _names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_files_are_where_people_look_for_them(tmp_path: Path) -> None:
    """By agent and run, and the latest under a name that does not change; nothing else is left there."""
    await write(tmp_path, report("run-1"), lambda: b"evidence")

    folder = tmp_path / "reports" / AGENT_UUID
    assert _names(folder) == [
        "latest.html",
        "latest.json",
        "latest.md",
        "run-1.evidence.db",
        "run-1.html",
        "run-1.json",
        "run-1.md",
    ]
    assert Report.model_validate_json((folder / "run-1.json").read_bytes()) == report("run-1")
    assert (folder / "latest.json").read_bytes() == (folder / "run-1.json").read_bytes()
    assert (folder / "latest.md").read_text() == "# run-1"
    assert (folder / "latest.html").read_text() == page(report("run-1"))
    assert (folder / "run-1.evidence.db").read_bytes() == b"evidence"


async def test_latest_never_goes_back(tmp_path: Path) -> None:
    """A delivery that was retried for an hour arrives after its successor."""
    folder = tmp_path / "reports" / AGENT_UUID
    await write(tmp_path, report("newer", generated_at=NOON + timedelta(hours=1)))
    await write(tmp_path, report("older"))
    assert (folder / "latest.md").read_text() == "# newer"
    assert (folder / "older.md").exists()

    (folder / "latest.json").write_text("{ half")
    await write(tmp_path, report("older"))
    assert (folder / "latest.md").read_text() == "# older"


@pytest.mark.parametrize(
    ("run_id", "agent_uuid"),
    [("../../etc/passwd", AGENT_UUID), ("a/b", AGENT_UUID), ("", AGENT_UUID), ("latest", AGENT_UUID)]
    + [("run", uuid) for uuid in ("..", "../../x", "/tmp/x", "agent name")],
)
async def test_an_id_that_could_lead_elsewhere_is_refused(tmp_path: Path, run_id: str, agent_uuid: str) -> None:
    """Ids come from the store, but a path is the last place to trust that."""
    with pytest.raises(PermanentError):
        await write(tmp_path, report(run_id, agent_uuid=agent_uuid))

    assert _names(tmp_path) == []


async def test_a_directory_that_cannot_be_written_is_tried_again_later(tmp_path: Path) -> None:
    """A volume may not be mounted yet, or be full; both pass."""
    (tmp_path / "reports").write_text("a file where the directory should be")
    with pytest.raises(RetryableError, match="cannot write into"):
        await write(tmp_path, report())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here: run it on Linux to test a full disk")
async def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    """What is half-written would stay in the way of the space it needs."""
    folder = tmp_path / "reports" / AGENT_UUID
    folder.mkdir(parents=True)
    (folder / ".run-1.md.tmp").symlink_to("/dev/full")
    with pytest.raises(RetryableError, match="No space left"):
        await write(tmp_path, report())

    assert _names(folder) == []


async def test_only_the_chosen_formats_are_written_beside_the_json(tmp_path: Path) -> None:
    """Who keeps thousands of reports decides what each costs; the JSON is what everything else is made from."""
    async with file.create(file.Config(formats=("html",)), data_dir=tmp_path) as exporter:
        await exporter.export(delivery("run-1"), report("run-1"), "# run-1", no_evidence)

    names = _names(tmp_path / "reports" / AGENT_UUID)
    assert names == ["latest.html", "latest.json", "run-1.html", "run-1.json"]
