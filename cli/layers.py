"""halo.yaml as plain values: files merged, `--set` laid over them, `${env:NAME:-default}` expanded.

Mappings are merged key by key, everything else is replaced by what comes later. Expansion follows the
OpenTelemetry Collector (`$$` is a dollar sign), but an expanded value stays text: the setting's own type decides
what it means, so a token of digits remains a token. A whole value that expands to nothing counts as not set.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from domain.errors import ConfigError

Settings = dict[str, Any]
_REFERENCE = re.compile(r"\$\$|\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
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
            merged = _merged(merged, read_file(file))
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


def _expanded(value: Any, place: str, environment: Mapping[str, str], problems: list[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _expanded(item, f"{place}.{key}".lstrip("."), environment, problems) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_expanded(item, f"{place}[{at}]", environment, problems) for at, item in enumerate(value)]
    if not isinstance(value, str) or "$" not in value:
        return value

    def replaced(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name is None:
            return "$"
        found = environment.get(name) or default
        if found is None:
            problems.append(
                f"{place}: environment variable {name} is not set; set it or write ${{env:{name}:-default}}"
            )
        return found or ""

    return _REFERENCE.sub(replaced, value) or None
