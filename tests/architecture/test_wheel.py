"""The wheel holds what runs: every file of every room, and nothing else."""

import zipfile

import pytest

from tests.architecture.house import REPOSITORY, repository_files, rooms


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of a wheel that was built from the repository as it stands."""
    builders = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is missing: run `make setup`")
    directory = tmp_path_factory.mktemp("dist")
    wheel = next(builders.WheelBuilder(str(REPOSITORY)).build(directory=str(directory), versions=["standard"]))
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_every_room(names: set[str]) -> None:
    """A template that is missing is missed by the first user, not by a test that runs from the sources."""
    relative = [path.relative_to(REPOSITORY).as_posix() for path in repository_files()]
    wanted = {name for name in relative if name.partition("/")[0] in rooms()}

    assert wanted - names == set()
    assert {name.partition("/")[0] for name in names} - set(rooms()) == {
        next(name.partition("/")[0] for name in names if ".dist-info" in name)
    }


def test_the_wheel_says_that_it_is_typed_and_brings_its_licence(names: set[str]) -> None:
    """Type checkers look for the marker, lawyers for the text."""
    assert {f"{room}/py.typed" for room in rooms()} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
