"""Durations and sizes as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from domain.quantities import Duration, Size, format_duration, format_size, parse_duration, parse_size


class Settings(BaseModel):
    """Both kinds, as a config has them."""

    age: Duration
    limit: Size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 2_592_000),
        ("1h30m", 5_400),
        ("250ms", 0.25),
        ("10s", 10),
        (" 1.5 H ", 5_400),
        ("7", 7),
        (3, 3),
        (0.5, 0.5),
        ("2w", 1_209_600),
    ],
)
def test_durations_are_read(text: object, seconds: float) -> None:
    """Nobody should have to count the seconds of a month."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 4 * 2**30),
        ("64 MiB", 64 * 2**20),
        ("512KB", 512_000),
        ("1.5mib", 3 * 2**19),
        ("100", 100),
        (7, 7),
        ("9B", 9),
    ],
)
def test_sizes_are_read(text: object, size: int) -> None:
    """Binary and decimal units differ by seven percent; both mean what they say."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "wrong", ["", "ten", "10 parsecs", "-5s", "5s-", None, True, [], "1e400d", float("nan"), 1e300, "9" * 30 + "d"]
)
def test_what_is_no_duration_is_refused_with_an_example(wrong: object) -> None:
    """A config mistake names the value and the fix."""
    with pytest.raises(ValueError, match=r"10s or 1h30m|longer than any"):
        parse_duration(wrong)


@pytest.mark.parametrize("wrong", ["", "big", "4 GiBs", -1, "-1", None, True, 1.5, "1..5MB"])
def test_what_is_no_size_is_refused_with_an_example(wrong: object) -> None:
    """A config mistake names the value and the fix."""
    with pytest.raises(ValueError, match=r"e\.g\. 64MiB"):
        parse_size(wrong)


@given(st.integers(0, 10**12))
def test_what_is_printed_is_read_as_the_same(number: int) -> None:
    """`halo print-config` must print a config that can be used."""
    duration = timedelta(milliseconds=number)

    assert parse_duration(format_duration(duration)) == duration
    assert parse_size(format_size(number)) == number


def test_settings_take_text_and_print_text() -> None:
    """The types work as fields, in both directions."""
    settings = Settings.model_validate({"age": "90m", "limit": "2048KiB"})

    assert settings.model_dump(mode="json") == {"age": "1h30m", "limit": "2MiB"}
    with pytest.raises(ValidationError) as told:
        Settings.model_validate({"age": "soon", "limit": "4"})
    assert "'soon' is no duration" in str(told.value)
