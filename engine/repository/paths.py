"""Which files of a checkout may be read: those inside it, links resolved, and never git's own."""

from pathlib import Path, PurePosixPath

from engine.tooling import ToolError

_GIT = ".git"


def inside(root: Path, path: str) -> Path:
    """The absolute path of a file or directory named relative to the checkout.

    ToolError: it lies outside, does not exist, or is git's own store.
    """
    top = root.resolve()
    try:
        found = (top / path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise ToolError(f"{path!r} does not exist in the repository; glob_files finds what does") from None
    if not found.is_relative_to(top) or _GIT in found.relative_to(top).parts:
        raise ToolError(f"{path!r} lies outside the repository; give a path relative to its top")
    return found


def named(path: str) -> str:
    """A path for git, relative to the top of the checkout; ToolError when it leads out of it or reads as an option."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or path.startswith((":", "-")) or "\0" in path or not path:
        raise ToolError(f"{path!r} is no path in the repository; give one relative to its top")
    return path
