"""A small checkout with a history, and tools at work on it."""

import os
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

from domain.component import load_component
from engine.tooling import KIND, ShownIds, Tool, Work
from engine.window import TraceWindow

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_DATE": "2025-03-01T10:00:00Z",
    "GIT_COMMITTER_DATE": "2025-03-01T10:00:00Z",
}
PROMPT = "You are a shop assistant.\nAlways call page_down with no arguments.\n"


def run_git(root: Path, *arguments: str) -> None:
    """Write history."""
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *who, *arguments], cwd=root, env=ENVIRONMENT, check=True, capture_output=True)


def checkout(root: Path) -> Path:
    """Two commits: the second broke the prompt. Beside them an ignored secret, a binary file and a way out."""
    (root / "src" / "prompts").mkdir(parents=True)
    (root / "src" / "agent.py").write_text("def run() -> None:\n    print('x')\n" * 3)
    (root / "src" / "prompts" / "system.md").write_text("You are a shop assistant.\n")
    (root / ".gitignore").write_text("secret.env\n")
    (root / "secret.env").write_text("KEY=hunter2\n")
    run_git(root, "init", "-q", "-b", "main")
    run_git(root, "add", ".")
    run_git(root, "commit", "-q", "-m", "First")
    (root / "src" / "prompts" / "system.md").write_text(PROMPT)
    (root / "logo.png").write_bytes(b"\x89PNG\0\0")
    (root / "way_out").symlink_to("/etc")
    run_git(root, "add", ".")
    run_git(root, "commit", "-q", "-m", "Tell the model to page")
    return root


def work_in(repository: Path | None) -> Work:
    """What a tool of the repository may use; it needs no window and no model."""

    async def nothing(*_: object) -> Any:
        raise AssertionError("a tool of the repository asks nobody")

    return Work(
        window=cast(TraceWindow, None),
        agent_id="a",
        depth=0,
        tool_call_id="c",
        shown=ShownIds(),
        ask=nothing,
        delegate=None,
        item=lambda item_id: None,
        kept=AsyncExitStack(),
        belongings={},
        call=nothing,
        repository=repository,
    )


def tool(name: str) -> Tool:
    """A tool with its defaults."""
    module = load_component(KIND, name)
    return cast(Tool, module.create(module.Config()))


async def asked(name: str, repository: Path, **arguments: object) -> Any:
    """What a tool answers."""
    found = tool(name)
    return await found.answer(found.arguments.model_validate(arguments), work_in(repository))
