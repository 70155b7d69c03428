"""Drops spans, log records and metrics that nobody wants to keep or send on, such as those of health checks.

A dropped item's sender is told that it was accepted. What stays keeps its bytes.
"""

import re
from collections.abc import Iterator
from fnmatch import translate
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from collector.outgoing.splitting import without
from collector.processing import Batch, Processor
from domain.component import ComponentConfig
from domain.otlp import plain

_RESOURCES, _SCOPES, _ITEMS = 1, 2, 2  # field numbers, the same in every signal
_STATUS = ("unset", "ok", "error")


class Rule(ComponentConfig):
    """What an item must be like to be dropped: everything that is said here."""

    signal: Literal["traces", "logs", "metrics", "profiles"] = Field(
        default="traces", description="The signal whose items are looked at."
    )
    service: str | None = Field(default=None, description="Glob of the service.name.")
    name: str | None = Field(default=None, description="Glob of the name of a span, an event or a metric.")
    status: Literal["unset", "ok", "error"] | None = Field(default=None, description="Status of a span.")
    attributes: dict[str, str] = Field(
        default_factory=dict, description="Globs of attribute values by key; a key that is missing does not match."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.service is None and self.name is None and self.status is None and not self.attributes:
            raise ValueError("would drop everything; say service, name, status or attributes")
        return self


class Config(ComponentConfig):
    """What to drop."""

    drop: tuple[Rule, ...] = Field(default=(), description="Items that match any of these rules are dropped.")


def create(config: Config, *, name: str) -> "Filter":
    """A processor that drops what matches."""
    return Filter(config)


class _Compiled(NamedTuple):
    """A rule with its globs as expressions."""

    service: re.Pattern[str] | None
    name: re.Pattern[str] | None
    status: str | None
    attributes: dict[str, re.Pattern[str]]


class Filter(Processor):
    """Holds every item against the rules of its signal."""

    def __init__(self, config: Config) -> None:
        self._rules: dict[str, list[_Compiled]] = {}
        for rule in config.drop:
            self._rules.setdefault(rule.signal, []).append(_compiled(rule))

    async def process(self, batch: Batch) -> Batch:
        """The batch without the items that match a rule."""
        rules = self._rules.get(batch.signal.name)
        if not rules:
            return batch
        dropped = [
            place for place, found in enumerate(_items(batch.message)) if any(_matches(r, *found) for r in rules)
        ]
        if not dropped:
            return batch
        request = without(batch.request, dropped)
        return Batch(batch.signal, request, batch.signal.request.FromString(request))


def _compiled(rule: Rule) -> _Compiled:
    def expression(glob: str | None) -> re.Pattern[str] | None:
        return None if glob is None else re.compile(translate(glob))

    attributes = {key: re.compile(translate(glob)) for key, glob in rule.attributes.items()}
    return _Compiled(expression(rule.service), expression(rule.name), rule.status, attributes)


def _items(message: Any) -> Iterator[tuple[str, Any]]:
    """Each item with its service, in the order of the encoding."""
    for resource in _repeated(message, _RESOURCES):
        said = resource.resource.attributes
        service = next((item.value.string_value for item in said if item.key == "service.name"), "")
        for scope in _repeated(resource, _SCOPES):
            for item in _repeated(scope, _ITEMS):
                yield service, item


def _repeated(message: Any, number: int) -> Any:
    return getattr(message, message.DESCRIPTOR.fields_by_number[number].name)


def _matches(rule: _Compiled, service: str, item: Any) -> bool:
    if rule.service is not None and not rule.service.match(service):
        return False
    if rule.name is not None and not rule.name.match(getattr(item, "name", "") or getattr(item, "event_name", "")):
        return False
    if rule.status is not None and rule.status != _status(item):
        return False
    if not rule.attributes:
        return True
    said = {each.key: _shown(each.value) for each in getattr(item, "attributes", ())}
    return all(key in said and glob.match(said[key]) is not None for key, glob in rule.attributes.items())


def _status(item: Any) -> str | None:
    code = item.status.code if hasattr(item, "status") else -1
    return _STATUS[code] if 0 <= code < len(_STATUS) else None


def _shown(value: Any) -> str:
    found = plain(value)
    return str(found).lower() if isinstance(found, bool) else str(found)
