"""What tokens cost and how many a model can read, from a table that ships and one that a user may lay over it.

List prices change without notice, so the shipped table says of which day it is, and a model that is not in it has no
price: a report without an amount is better than one with a wrong amount. Prices of long prompts, which some
providers raise beyond a length, are those of the first tier.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain.errors import ConfigError
from engine.llm.model import ModelUsage

_SHIPPED = Path(__file__).with_name("prices.json")
_DATE = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")
_MILLION = 1_000_000


class ModelPrice(BaseModel):
    """USD per million tokens, and the context window in tokens; each may be left out, but not one of the two prices."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    input: float | None = Field(default=None, ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    output: float | None = Field(default=None, ge=0)
    context_window: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _has_both_prices_or_none(self) -> "ModelPrice":
        if (self.input is None) != (self.output is None):
            raise ValueError("input and output belong together")
        return self


class _PriceTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    as_of: str = ""
    note: str = ""
    models: dict[str, ModelPrice]


class Prices:
    """Prices and context windows by model name."""

    def __init__(self, models: Mapping[str, ModelPrice]) -> None:
        self._models = {name.lower(): price for name, price in models.items()}

    def usd(self, model: str, usage: ModelUsage) -> float | None:
        """What `usage` costs at list price, or None when the model has no price here.

        Cached tokens cost the input's price where the table knows none of their own.
        """
        price = self._price(model)
        if price is None or price.input is None or price.output is None:
            return None
        cached = min(usage.cached_tokens, usage.input_tokens)
        cached_price = price.input if price.cached_input is None else price.cached_input
        fresh = (usage.input_tokens - cached) * price.input
        return (fresh + cached * cached_price + usage.output_tokens * price.output) / _MILLION

    def context_window(self, model: str) -> int | None:
        """How many tokens the model can read and write at once, or None when it is not known."""
        price = self._price(model)
        return price.context_window if price is not None else None

    def _price(self, model: str) -> ModelPrice | None:
        return next((self._models[name] for name in names_of(model) if name in self._models), None)


def names_of(model: str) -> Iterator[str]:
    """The names a model may stand under in a table, the most exact first.

    As it is called; without the provider before the last slash; without the date of its release behind it, and then
    with dashes for dots, since routers write `claude-opus-4.5` for what its maker calls `claude-opus-4-5`.
    """
    name = model.strip().lower()
    bare = name.rpartition("/")[2]
    undated = _DATE.sub("", bare)
    yield from dict.fromkeys((name, bare, undated, undated.replace(".", "-")))


def load_prices(path: Path | None = None) -> Prices:
    """The shipped prices, with those of the file at `path` over them, model by model.

    ConfigError: the file cannot be read, or is no price table.
    """
    own = _read(path).models if path is not None else {}
    return Prices({**_read(_SHIPPED).models, **{name.lower(): price for name, price in own.items()}})


def _read(path: Path) -> _PriceTable:
    try:
        return _PriceTable.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: the prices cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"{where}: {first['msg']}" if where else first["msg"]
        raise ConfigError(f'{path}: {said}; write {{"models": {{NAME: {{"input": USD, "output": USD}}}}}}') from error
