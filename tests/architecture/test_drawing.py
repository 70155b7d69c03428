"""What ARCHITECTURE.md draws is what the contracts say."""

import re

from tests.architecture.house import REPOSITORY, project, rooms

ARCHITECTURE = (REPOSITORY / "ARCHITECTURE.md").read_text()


def floors_of_the_contract() -> list[set[str]]:
    """The layers of the first contract, from the top."""
    layers = project()["tool"]["importlinter"]["contracts"][0]["layers"]
    return [{room.strip() for room in layer.split("|")} for layer in layers]


def floors_of_the_table() -> list[set[str]]:
    """The rooms of each row of the table of floors, from the top."""
    rows = re.findall(r"^\| \d \| ([^|]+) \|", ARCHITECTURE, re.MULTILINE)
    return [set(re.findall(r"`(\w+)`", row)) for row in rows]


def floors_of_the_drawing() -> list[set[str]]:
    """The rooms of each box of the drawing, from the top."""
    drawing = ARCHITECTURE.partition("```\n")[2].partition("```")[0]
    boxes = re.split(r"[├└][^\n]*\n", drawing)
    return [found for box in boxes if (found := set(re.findall(r"(\w+)/ ", box)) & set(rooms()))]


def test_the_floors_of_the_document_are_those_of_the_contract() -> None:
    """Whoever reads the drawing must not be told otherwise by the linter."""
    assert floors_of_the_table() == floors_of_the_contract()
    assert floors_of_the_drawing() == floors_of_the_contract()


def test_every_file_the_document_names_exists() -> None:
    """A map with streets that are gone sends people the wrong way."""
    named = set(re.findall(r"`((?:\w+/)+\w+\.\w+)`", ARCHITECTURE))

    assert {name for name in named if not (REPOSITORY / name).is_file()} == set()
    assert named
