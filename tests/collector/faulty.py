"""A receiver from outside the collector, named in halo.yaml by its module path, that fails as it is told."""

from typing import Any

from pydantic import Field

from domain.component import ComponentConfig
from domain.errors import ConfigError

stopped: list[str] = []


class Config(ComponentConfig):
    """What it does when it starts."""

    problem: str | None = Field(default=None, description="Refuse to start with this problem.")


class Faulty:
    def __init__(self, config: Config, name: str) -> None:
        self.config = config
        self.name = name

    async def __aenter__(self) -> "Faulty":
        if self.config.problem:
            raise ConfigError(self.config.problem)
        return self

    async def __aexit__(self, *raised: object) -> None:
        stopped.append(self.name)


def create(config: Config, *, name: str, keeper: Any, ready: Any) -> Faulty:
    return Faulty(config, name)
