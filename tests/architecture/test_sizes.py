"""Files and functions that fit in a head."""

import ast
from collections.abc import Callable
from statistics import median

from tests.architecture.house import REPOSITORY, product_files

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
MAX_MEDIAN_LINES = 110


def test_no_file_is_longer_than_300_lines() -> None:
    """A longer file holds two things; each wants its own name."""
    lengths = {str(path.relative_to(REPOSITORY)): len(path.read_text().splitlines()) for path in product_files()}

    assert {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    """What takes longer to read than a screen is read wrongly."""
    too_long = {}
    for path in product_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    too_long[f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name}"] = lines

    assert too_long == {}


def test_most_files_are_short(record_property: Callable[[str, object], None]) -> None:
    """The limit is for exceptions; the habit is a file near 60 lines."""
    lengths = [len(path.read_text().splitlines()) for path in product_files() if path.name != "__init__.py"]
    middle = median(lengths)
    record_property("median_file_lines", middle)
    print(f"{len(lengths)} files, {sum(lengths)} lines, median {middle:g}")

    assert middle <= MAX_MEDIAN_LINES


def test_every_module_says_what_it_is_for() -> None:
    """A reader decides by the first line whether to read on."""
    silent = [path for path in product_files() if not ast.get_docstring(ast.parse(path.read_text()))]

    assert [str(path.relative_to(REPOSITORY)) for path in silent] == []
