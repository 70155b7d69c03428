"""The tools that read an agent's code and its history: what they show, and what nothing gets out of them."""

import asyncio
import shutil
from pathlib import Path

import pytest

from engine.repository import git as git_module
from engine.repository.files import matching, tree
from engine.repository.git import git
from engine.tooling import ToolError
from tests.engine.repository.checkout import asked, checkout, run_git, tool, work_in

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None, reason="no git: install it (Debian: git) to test the tools that read a repository"
)

CODE_TOOLS = ("view_repo_tree", "glob_files", "grep_files", "read_file")
GIT_TOOLS = ("git_log", "git_show", "git_diff", "git_blame", "git_read_file")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    return checkout(tmp_path / "code")


async def test_the_tree_and_globs_show_what_git_lists_and_nothing_that_is_ignored(repository: Path) -> None:
    """A secret that is kept out of the history must be kept out of a prompt."""
    shown = await asked("view_repo_tree", repository)
    top = await asked("view_repo_tree", repository, depth=1)
    below = await asked("view_repo_tree", repository, path="src", depth=1)
    found = await asked("glob_files", repository, pattern="**/*.md")

    assert "src/prompts/system.md" in shown["entries"]
    assert "src/ (2 files)" in top["entries"]
    assert below["entries"] == ["src/ (2 files)", "src/agent.py", "src/prompts/ (1 files)"]
    assert not [entry for entry in shown["entries"] if "secret" in entry or entry.startswith(".git/")]
    assert found == {"paths": ["src/prompts/system.md"], "total": 1}


async def test_lines_are_found_and_read_with_their_numbers(repository: Path) -> None:
    """A fix cites path:line."""
    found = await asked("grep_files", repository, regex_pattern="page_(up|down)", glob_pattern="src/**/*.md")
    elsewhere = await asked("grep_files", repository, regex_pattern="page_(up|down)", glob_pattern="*.py")
    ignored = await asked("grep_files", repository, regex_pattern="hunter2")
    read = await asked("read_file", repository, path="src/agent.py", offset=2, limit=2)
    last = await asked("read_file", repository, path="src/agent.py", offset=6)

    assert found["matches"] == ["src/prompts/system.md:2:Always call page_down with no arguments."]
    assert (elsewhere["total"], ignored["total"]) == (0, 0)
    assert read["lines"] == "2\t    print('x')\n3\tdef run() -> None:"
    assert (read["total_lines"], read["next_offset"], last["next_offset"]) == (6, 4, None)


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", "way_out/passwd", ".git/config", "absent", "src", "a\0b", ""]
)
async def test_nothing_outside_the_checkout_can_be_read(repository: Path, path: str) -> None:
    """Neither by dots, nor by links, nor through git's own store."""
    (repository.parent / "outside").write_text("no")
    with pytest.raises((ToolError, ValueError)):
        await asked("read_file", repository, path=path)


async def test_a_binary_file_is_said_to_be_one(repository: Path) -> None:
    """Bytes are no use to a model."""
    with pytest.raises(ToolError, match="binary"):
        await asked("read_file", repository, path="logo.png")


async def test_the_history_says_when_a_sentence_came_and_who_to_ask(repository: Path) -> None:
    """A failure that began last week was often written last week."""
    everything = await asked("git_log", repository)
    picked = await asked("git_log", repository, pickaxe_string="page_down")
    commit = picked["commits"][0]["commit"]
    shown = await asked("git_show", repository, ref=commit, include_patch=True)
    blamed = await asked("git_blame", repository, path="src/prompts/system.md", start_line=2, end_line=2)
    before = await asked("git_read_file", repository, ref=f"{commit}~1", path="src/prompts/system.md")
    changed = await asked("git_diff", repository, from_ref="main~1", to_ref="main", stat_only=False)

    assert [each["subject"] for each in everything["commits"]] == ["Tell the model to page", "First"]
    assert [each["subject"] for each in picked["commits"]] == ["Tell the model to page"]
    assert len(commit) == 12
    assert "+Always call page_down with no arguments." in shown["text"]
    assert blamed["text"].startswith(commit)
    assert before["lines"] == "1\tYou are a shop assistant."
    assert "+Always call page_down" in changed["text"]


@pytest.mark.parametrize("bad", ["--output=/tmp/x", "-p", "main --all", "a..b", "$(id)", "main;id", "\n"])
async def test_a_ref_cannot_be_an_option(repository: Path, bad: str) -> None:
    """git has options that write files and run programs."""
    for name, arguments in (("git_show", {"ref": bad}), ("git_diff", {"from_ref": bad, "to_ref": "main"})):
        with pytest.raises(ToolError):
            await asked(name, repository, **arguments)


@pytest.mark.parametrize("bad", ["../x", "/etc/passwd", ":(top)x", "-x"])
async def test_a_path_for_git_stays_in_the_checkout(repository: Path, bad: str) -> None:
    """git show REF:PATH and pathspecs have a syntax of their own."""
    with pytest.raises(ToolError):
        await asked("git_read_file", repository, ref="main", path=bad)
    with pytest.raises(ToolError):
        await asked("git_log", repository, path=bad)


async def test_a_repository_cannot_start_programs(repository: Path, tmp_path: Path) -> None:
    """A checkout brings its own configuration; reading it must not be running it."""
    ran = tmp_path / "ran"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "diff.external", "diff.evil.textconv", "filter.evil.clean"):
        run_git(repository, "config", name, str(script))
    (repository / ".gitattributes").write_text("*.md diff=evil filter=evil\n")

    await asked("git_log", repository, pickaxe_string="page_down")
    await asked("git_show", repository, ref="main", include_patch=True)
    await asked("git_diff", repository, from_ref="main~1", to_ref="main", stat_only=False)
    await asked("git_blame", repository, path="src/prompts/system.md", start_line=1, end_line=1)
    await asked("git_read_file", repository, ref="main", path="src/prompts/system.md")
    await asked("view_repo_tree", repository)
    await asked("grep_files", repository, regex_pattern="shop")

    assert not ran.exists()


async def test_git_is_ended_when_it_takes_too_long(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history may be of any size."""
    monkeypatch.setattr(git_module, "TIMEOUT_S", 0.0)
    with pytest.raises(ToolError, match="longer than"):
        await git(repository, "log")
    await asyncio.sleep(0)


async def test_only_reading_commands_are_ever_run(repository: Path) -> None:
    """The list is the promise."""
    for command in ("commit", "push", "gc", "config", "checkout"):
        with pytest.raises(ValueError, match="not a reading command"):
            await git(repository, command)


def test_tools_are_offered_only_where_they_can_work(repository: Path, tmp_path: Path) -> None:
    """A tool that always fails costs turns."""
    bare = tmp_path / "bare"
    bare.mkdir()

    assert all(tool(name).offered(work_in(repository)) for name in (*CODE_TOOLS, *GIT_TOOLS))
    assert all(tool(name).offered(work_in(bare)) for name in CODE_TOOLS)
    assert not any(tool(name).offered(work_in(bare)) for name in GIT_TOOLS)
    assert not any(tool(name).offered(work_in(None)) for name in (*CODE_TOOLS, *GIT_TOOLS))


async def test_a_directory_without_git_is_read_all_the_same(tmp_path: Path) -> None:
    """Code that came as an archive is code."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.py").write_text("needle = 1\n")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "c.py").write_text("needle = 2\n")

    assert (await asked("glob_files", tmp_path, pattern="**/*.py"))["paths"] == ["a/b.py"]
    assert "a/b.py:1:needle = 1" in (await asked("grep_files", tmp_path, regex_pattern="needle"))["matches"]


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("*.py", ["a.py"]),
        ("**/*.py", ["a.py", "b/c.py", "b/d/e.py"]),
        ("b/*.py", ["b/c.py"]),
        ("b/**", ["b/c.py", "b/d/e.py"]),
        ("b/?/e.py", ["b/d/e.py"]),
        ("[ab].py", ["a.py"]),
    ],
)
def test_a_star_stays_in_its_directory(pattern: str, fits: list[str]) -> None:
    """As in shells and in .gitignore."""
    assert matching(["a.py", "b/c.py", "b/d/e.py"], pattern) == fits


def test_no_glob_takes_longer_than_its_length() -> None:
    """A pattern may come from a model that was talked into it; this one would outlive the run if it were tried out."""
    deep = "/".join("a" * 40)

    assert matching([deep], "**/" * 30 + "x") == []
    assert matching([deep], "**/a/" * 15 + "**") == [deep]
    assert matching(["a" * 200], "*a" * 60 + "b") == []


def test_a_tree_says_how_much_it_leaves_out() -> None:
    """What is not shown must not look as if it were not there."""
    assert tree(["a/b", "a/c", "d"], 2, 2) == (["a/ (2 files)", "a/b"], 2)
