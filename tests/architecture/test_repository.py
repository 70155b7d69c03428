"""What stands in the repository's files, and what must not."""

import ast
import re
import tomllib

import pytest

from tests.architecture.house import REPOSITORY, product_files, project, repository_files

MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|farm|root|home/[a-z]+|Users)/\w")
REGISTRY = re.compile(r"//[a-z.]*(?:pypi|pythonhosted|npmjs|crates|debian|golang)[a-z]*\.(?:org|io|com)")
LOCKS = ("requirements.txt", "requirements-dev.txt")


def pins(lock: str) -> dict[str, str]:
    """The versions a lock file pins, by normalised name."""
    found = re.findall(r"^([\w.-]+)==(\S+)", (REPOSITORY / lock).read_text(), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_no_file_names_a_machine_or_a_registry() -> None:
    """The project installs from whatever index its user has, and lives in whatever directory it is cloned to."""
    hits = []
    for path in repository_files():
        name = str(path.relative_to(REPOSITORY))
        if name.startswith("tests/"):
            continue
        for number, line in enumerate(path.read_text(errors="ignore").splitlines(), 1):
            if MACHINE_PATH.search(line) or REGISTRY.search(line):
                hits.append(f"{name}:{number}")

    assert hits == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_pins_everything_by_hash_and_names_no_source(lock: str) -> None:
    """A lock that says where to fetch from fails wherever that place is not."""
    text = (REPOSITORY / lock).read_text()
    requirements = re.findall(r"^\S+==\S+ \\\n(?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE)

    assert len(requirements) == len(pins(lock)) > 10
    assert re.search(r"://|@|^--|file:|/\w", re.sub(r"^#.*$", "", text, flags=re.MULTILINE), re.MULTILINE) is None


def test_the_development_lock_holds_the_run_time_lock() -> None:
    """What is tested is what is shipped."""
    run_time, development = (pins(lock) for lock in LOCKS)

    assert run_time.items() <= development.items()


def test_the_locks_hold_what_pyproject_asks_for() -> None:
    """A dependency that was added without `scripts/lock` is missing on every machine but one."""
    metadata = project()
    wanted = {"requirements.txt": metadata["project"]["dependencies"]}
    wanted["requirements-dev.txt"] = [*metadata["dependency-groups"]["dev"], *metadata["build-system"]["requires"]]
    for lock, requirements in wanted.items():
        names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", each)[0]).lower() for each in requirements}

        assert names - pins(lock).keys() == set()


def refused_words() -> dict[str, str]:
    """The words the glossary refuses, and the word it has instead."""
    rows = re.findall(r"^\| \*\*([^*]+)\*\* \| .*? Not: ([^.|]+)\. \|$", _glossary(), re.MULTILINE)
    return {word.strip(): kept for kept, refused in rows for word in refused.split(",")}


def _glossary() -> str:
    return (REPOSITORY / "docs/glossary.md").read_text()


def test_the_code_speaks_the_words_of_the_glossary() -> None:
    """Two words for one thing make two things of it."""
    refused = refused_words()
    used = {}
    for path in product_files():
        names = [path.stem] if path.stem != "__init__" else [path.parent.name]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names.append(node.name)
        for name in names:
            words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", name)}
            for word in words & refused.keys():
                used[f"{path.relative_to(REPOSITORY)} {name}"] = f"{word}: say {refused[word]}"

    assert refused
    assert used == {}


def test_changelog_fragments_have_a_type_and_a_text() -> None:
    """A fragment towncrier does not know is a change nobody hears of."""
    types = {
        each["directory"]
        for each in tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
    }
    fragments = [path for path in (REPOSITORY / "changelog.d").iterdir() if path.name != "README.md"]

    assert fragments
    for path in fragments:
        assert re.fullmatch(rf"\d+\.(?:{'|'.join(sorted(types))})(?:\.\d+)?\.md", path.name), path.name
        assert path.read_text().strip().endswith(".")
