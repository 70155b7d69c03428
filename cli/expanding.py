"""References in configuration texts: `${env:NAME:-default}`, `${NAME}`, `${file:path}`, and `$$` for a dollar sign.

As in the OpenTelemetry Collector, but what is put in stays text, and is not looked into again: the setting's own type
decides what it means, so a token of digits remains a token. A default may hold references itself.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

MAX_REFERENCES = 1_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RELATIVE = re.compile(r"(?<!\$)((?:\$\$)*)\$\{file:(?!/)([^${}]+)\}")
_MARK = re.compile(r"\$\$|\$\{")
_BRACES = re.compile(r"\$\{|\}")


def anchored(text: str, directory: Path) -> str:
    """The text with the files it names found from the directory of the configuration."""
    return _RELATIVE.sub(lambda match: f"{match[1]}${{file:{(directory / match[2]).absolute()}}}", text)


class Expansion:
    """Puts values in the place of references; `tell` is told of each that has none."""

    def __init__(self, environment: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self._environment = environment
        self._tell = tell
        self._left = MAX_REFERENCES

    def expanded(self, text: str) -> str:
        """The text with every reference replaced; what is no reference stays."""
        parts: list[str] = []
        position = 0
        while (mark := _MARK.search(text, position)) is not None:
            parts.append(text[position : mark.start()])
            if mark[0] == "$$":
                parts.append("$")
                position = mark.end()
                continue
            end = _closing(text, mark.end())
            if end is None:
                parts.append(mark[0])
                position = mark.end()
                continue
            parts.append(self._value(text[mark.end() : end], text[mark.start() : end + 1]))
            position = end + 1
        return "".join((*parts, text[position:]))

    def _value(self, inside: str, whole: str) -> str:
        self._left -= 1
        if self._left < 0:
            if self._left == -1:
                self._tell(f"more than {MAX_REFERENCES} references; write the values out")
            return ""
        if inside.startswith("file:"):
            return self._file(Path(inside.removeprefix("file:")))
        name, has_default, default = inside.removeprefix("env:").partition(":-")
        if not _NAME.fullmatch(name):
            return whole
        found = self._environment.get(name)
        if found:
            return found
        if has_default:
            return self.expanded(default)
        if found is None:
            self._tell(f"environment variable {name} is not set; set it or write ${{env:{name}:-default}}")
        return ""

    def _file(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            self._tell(f"{path} cannot be read: {reason}; create it or correct the path")
            return ""


def _closing(text: str, position: int) -> int | None:
    """Where the brace that closes a reference stands; references in it have their own."""
    depth = 1
    while (brace := _BRACES.search(text, position)) is not None:
        depth += 1 if brace[0] == "${" else -1
        if not depth:
            return brace.start()
        position = brace.end()
    return None
