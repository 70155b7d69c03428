"""Options that several commands share."""

from collections.abc import Callable
from datetime import timedelta
from math import isfinite
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

TIME_RANGES = ("1h", "6h", "12h", "1d", "3d", "7d", "14d", "30d", "90d")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
DEFAULT_LOOKBACK_HOURS, DEFAULT_SPAN_LIMIT, DEFAULT_DEPTH, DEFAULT_TURNS = 24, 10_000, 3, 50

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Nouns(click.Group):
    """A group whose `ls` also answers to `list`."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; `list` is `ls`."""
        return super().get_command(ctx, "ls" if cmd_name == "list" else cmd_name)


class Numbers(click.ParamType[list[int]]):
    """Comma-separated whole numbers within a range."""

    name = "list"

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`0,15,30` as [0, 15, 30], sorted and without repeats."""
        if isinstance(value, list):
            return value
        try:
            numbers = sorted({int(part) for part in str(value).split(",")})
        except ValueError:
            self.fail(f"{value!r} is no list of numbers; write e.g. {self.low} or {self.low},{self.high}", param, ctx)
        outside = [str(number) for number in numbers if not self.low <= number <= self.high]
        if outside:
            self.fail(f"{', '.join(outside)} is outside {self.low} to {self.high}", param, ctx)
        return numbers


class DurationType(click.ParamType[timedelta]):
    """A length of time as in halo.yaml."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`30s` as a timedelta; it must be more than nothing."""
        from domain.quantities import parse_duration

        try:
            found = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not found:
            self.fail("must be more than 0; write e.g. 30s", param, ctx)
        return found


DURATION = DurationType()


class FiniteRange(click.FloatRange):
    """A number within a range that is one: neither nan nor infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        found = super().convert(value, param, ctx)
        if not isfinite(found):
            self.fail(f"{value} is no finite number", param, ctx)
        return found


def limit_option(noun: str, default: int) -> Callable[[Command], Command]:
    """`--limit`: how many at most."""
    return click.option(
        "--limit",
        type=click.IntRange(1, 100_000),
        metavar="N",
        default=default,
        show_default=True,
        help=f"Max {noun} to return.",
    )


def look_options(defaults: bool) -> Callable[[Command], Command]:
    """How a run looks: flags of `run create` and `schedule create`; without defaults for `schedule update`."""

    def decorate(command: Command) -> Command:
        for option in reversed(_look_options(defaults)):
            command = option(command)
        return command

    return decorate


def _look_options(defaults: bool) -> list[Callable[[Command], Command]]:
    def number(name: str, kind: click.ParamType[Any], value: int, text: str) -> Callable[[Command], Command]:
        default = value if defaults else None
        return click.option(name, type=kind, metavar="N", default=default, show_default=defaults, help=text)

    return [
        click.option("--prompt", help="What a model is asked; used by runs with a model."),
        click.option("--model-id", help="Model to look with.  [default: engine.model]"),
        *model_options(),
        click.option("--subagent-model-id", help="Model of subagents.  [default: engine.subagent_model]"),
        click.option("--no-model/--model", default=None, help="The analysis alone, whatever is configured."),
        number(
            "--lookback-hours", click.FloatRange(0, min_open=True), DEFAULT_LOOKBACK_HOURS, "Window length in hours."
        ),
        number("--span-limit", click.IntRange(1), DEFAULT_SPAN_LIMIT, "Spans shown to a model; counts read them all."),
        number("--max-subagent-depth", click.IntRange(1, 5), DEFAULT_DEPTH, "Engine recursion ceiling (1–5)."),
        number("--max-turns", click.IntRange(1, 100), DEFAULT_TURNS, "Per-agent turn ceiling (1–100)."),
    ]


def model_options() -> list[Callable[[Command], Command]]:
    """What a look with a model may take: flags of runs and of questions."""
    return [
        click.option("--reasoning-effort", type=click.Choice(EFFORTS), help="How long a reasoning model may think."),
        click.option("--budget-usd", type=FiniteRange(0, min_open=True), metavar="X", help="Dollars it may cost."),
        click.option("--budget-tokens", type=click.IntRange(1), metavar="N", help="Tokens it may use, in and out."),
        click.option("--budget-seconds", type=FiniteRange(0, min_open=True), metavar="X", help="Seconds it may take."),
    ]


def given(**values: Any) -> dict[str, Any]:
    """The options that were given, as a request body."""
    return {name: value for name, value in values.items() if value is not None}
