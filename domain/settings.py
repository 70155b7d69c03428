"""Settings as a user wrote them, checked against a model: every mistake at once, each with its path and the fix."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from domain.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


def read_settings(model: type[Model], path: str, raw: object) -> Model:
    """`raw` (null means all defaults) as `model`; ConfigError with one line for each mistake, each under `path`."""
    try:
        return model.model_validate({} if raw is None else raw)
    except ValidationError as error:
        raise ConfigError(list(_problems(model, path, error))) from None


def _problems(model: type[BaseModel], path: str, error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        place = path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
        yield f"{place.removeprefix('.')}: {_said(model, detail)}"


def _said(model: type[BaseModel], detail: ErrorDetails) -> str:
    """What is wrong and what to do; of the value only scalars are shown, and none that a validator judged itself."""
    kind = detail["type"]
    if kind == "missing":
        return "required; set it"
    if kind == "extra_forbidden":
        return _unknown(str(detail["loc"][-1]), sorted(_known(model, detail["loc"][:-1])))
    if kind in ("model_type", "dict_type"):
        return "expected a section of settings (key: value)"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    value = detail["input"]
    shown = f", got {value!r}" if value is None or isinstance(value, bool | int | float | str) else ""
    return detail["msg"][:1].lower() + detail["msg"][1:] + shown


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"unknown setting; did you mean {near[0]}?"
    return f"unknown setting; use one of: {', '.join(known)}" if known else "unknown setting; remove it"


def _known(model: type[BaseModel], place: tuple[int | str, ...]) -> Mapping[str, object]:
    """The fields of the model that a path leads to; none when the path leads through something else."""
    fields = model.model_fields
    for part in place:
        found = fields.get(str(part))
        inner = [found.annotation, *getattr(found.annotation, "__args__", ())] if found else []
        models = [each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)]
        if not models:
            return {}
        fields = models[0].model_fields
    return fields
