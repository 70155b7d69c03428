"""halo.yaml as plain values: files merged, `--set` laid over them, `${env:NAME:-default}` expanded.

Mappings are merged key by key, everything else is replaced by what comes later; then references are expanded
(`cli.expanding`). A whole value that expands to nothing counts as not set.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cli.expanding import Expansion, anchored
from domain.errors import ConfigError

Settings = dict[str, Any]
_STEP = re.compile(r"(?:[^.\\]|\\.)+")


def read_layers(
    files: Sequence[Path],
    overrides: Sequence[str],
    environment: Mapping[str, str],
    defaults: Mapping[str, Settings] | None = None,
) -> Settings:
    """All files and `a.b=c` overrides as one mapping; ConfigError holds the problems of all of them.

    `defaults` are sections that count where no file has them, so that an override changes one setting of them.
    """
    problems: list[str] = []
    merged: Settings = {}
    for file in files:
        try:
            merged = _merged(merged, _anchored(read_file(file), file.parent))
        except ConfigError as error:
            problems += error.problems
    merged = {**(defaults or {}), **merged}
    for override in overrides:
        try:
            merged = _merged(merged, parse_override(override))
        except ConfigError as error:
            problems += error.problems
    expanded = _expanded(merged, "", environment, problems)
    if problems:
        raise ConfigError(problems)
    return dict(expanded)


def read_file(path: Path) -> Settings:
    """One YAML file; ConfigError says where it cannot be read."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{place}: no valid YAML: {getattr(error, 'problem', None) or error}") from error
    if found is not None and not isinstance(found, dict):
        raise ConfigError(f"{path}: must be a mapping of sections (receivers:, store:, exporters: …)")
    return found or {}


def parse_override(text: str) -> Settings:
    """`a.b=c` as a nested mapping; the value is YAML, a dot inside a key is written `\\.`."""
    path, equals, value = text.partition("=")
    steps = [re.sub(r"\\(.)", r"\1", step) for step in _STEP.findall(path)]
    if not equals or not steps or path.startswith(".") or ".." in path or path.endswith("."):
        raise ConfigError(f"--set {text}: write path=value, e.g. --set store.retention.max_age=7d")
    try:
        nested: Any = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {text}: the value is no valid YAML; quote it") from error
    for step in reversed(steps):
        nested = {step: nested}
    return dict(nested)


def _merged(under: Settings, over: Mapping[str, Any]) -> Settings:
    out = dict(under)
    for key, value in over.items():
        known = out.get(key)
        out[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return out


def _anchored(value: Any, directory: Path) -> Any:
    """The same with the files it names found from the directory of the configuration file."""
    if isinstance(value, dict):
        return {key: _anchored(item, directory) for key, item in value.items()}
    if isinstance(value, list):
        return [_anchored(item, directory) for item in value]
    return anchored(value, directory) if isinstance(value, str) else value


def _expanded(value: Any, place: str, environment: Mapping[str, str], problems: list[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _expanded(item, f"{place}.{key}".lstrip("."), environment, problems) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_expanded(item, f"{place}[{at}]", environment, problems) for at, item in enumerate(value)]
    if not isinstance(value, str) or "$" not in value:
        return value
    expansion = Expansion(environment, lambda problem: problems.append(f"{place}: {problem}"))
    return expansion.expanded(value) or None
