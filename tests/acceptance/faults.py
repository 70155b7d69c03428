"""A processor outside the package that fails on purpose: what senders are told of failures further on."""

from typing import Literal

from pydantic import Field

from collector.processing import Batch, Processor
from domain.component import ComponentConfig
from domain.errors import PermanentError, RetryableError


class Config(ComponentConfig):
    """How every request fails."""

    error: Literal["retryable", "permanent"] = Field(description="The error that every request meets.")


def create(config: Config, *, name: str) -> "Faults":
    """A processor that lets nothing through."""
    return Faults(config)


class Faults(Processor):
    """Fails every request in the configured way."""

    def __init__(self, config: Config) -> None:
        self._error = RetryableError if config.error == "retryable" else PermanentError

    async def process(self, batch: Batch) -> Batch:
        raise self._error("injected")
