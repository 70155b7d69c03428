"""What every test may ask for."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real captures and traces that are not part of the repository."""
    path = Path(os.environ.get("HALO_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (path / "traces").is_dir():
        pytest.skip(f"no shared data at {path}: set HALO_SHARED_DATA to a directory with traces/ and otlp/")
    return path
