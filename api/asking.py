"""What a handler is given and what it answers with: plain values, so that handlers are plain functions.

A handler runs on a thread, may call the store, and returns an Answer or raises. `RequestError` carries the HTTP
status of an input that will never do; the errors of the house carry theirs by kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from domain.errors import PermanentError
from domain.settings import read_settings
from store.base import ControlStore, WindowReader

Model = TypeVar("Model", bound=BaseModel)
Health = Callable[[str, int, int], Mapping[str, Any]]
"""The live health of the agent with a UUID over [from, to) in nanoseconds, as JSON values."""


class RequestError(PermanentError):
    """The request itself is at fault; `status` is the HTTP status that says how."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def not_found(noun: str, wanted: str) -> RequestError:
    """404: nothing of that kind has this id or prefix."""
    return RequestError(404, f"no {noun} with id {wanted!r}")


@dataclass(frozen=True)
class Doors:
    """What handlers may reach: the window to read, the control store to leave notes in, the time, and live health.

    Without `health` nobody follows the live traffic. `model` is the model that runs use by default, and `can_ask` says
    whether there is an endpoint for it or another.
    """

    window: WindowReader
    control: ControlStore
    now: Callable[[], datetime]
    health: Health | None = None
    model: str | None = None
    can_ask: bool = False


@dataclass(frozen=True)
class Asked:
    """One request: values from its path, its query, its JSON body (None without one) and what it accepts."""

    place: Mapping[str, str]
    query: Mapping[str, str]
    body: object = None
    accept: str = ""

    def options(self, model: type[Model]) -> Model:
        """The query as a model; ConfigError with all problems."""
        return read_settings(model, "", dict(self.query))

    def content(self, model: type[Model]) -> Model:
        """The body as a model; ConfigError with all problems."""
        if self.body is not None and not isinstance(self.body, dict):
            raise RequestError(400, "the body must be a JSON object")
        return read_settings(model, "", self.body)


@dataclass(frozen=True)
class Answer:
    """A status and a body: JSON values, or bytes with their media type."""

    body: Any
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Doors, Asked], Answer]
