"""The `engine` part of halo.yaml: what cannot work is said when the file is read, in one line, not by the first run."""

from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigError
from domain.settings import read_settings
from scheduler.engine_settings import EngineSettings


def problems(**settings: Any) -> tuple[str, ...]:
    """What is said of these settings."""
    with pytest.raises(ConfigError) as caught:
        read_settings(EngineSettings, "engine", settings)
    return caught.value.problems


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://host/v1", "https://", "http://[::1", "http://h:99999/v1"])
def test_an_address_that_is_none_is_refused_when_the_file_is_read(url: str) -> None:
    """A sidecar that starts with it fails at three in the morning, when the first schedule is due."""
    (said,) = problems(base_url=url)

    assert said.startswith("engine.base_url: ")
    assert said.endswith("https://host/v1")


def test_a_file_or_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A mount that is missing must not turn into a run without prices."""
    gone = tmp_path / "gone"

    assert problems(prices=str(gone), repo_path=str(gone)) == (
        f"engine.prices: {gone}: no such file; name a JSON file with prices, or leave it out",
        f"engine.repo_path: {gone}: no such directory; name a checkout of the agent's code, or leave it out",
    )


def test_a_directory_is_no_price_table_and_a_file_no_checkout(tmp_path: Path) -> None:
    """Swapped paths are the likeliest mistake."""
    file = tmp_path / "prices.json"
    file.write_text("{}")

    assert len(problems(prices=str(tmp_path), repo_path=str(file))) == 2
    right = {"prices": str(file), "repo_path": str(tmp_path)}
    assert read_settings(EngineSettings, "engine", right).prices == file


def test_a_file_that_goes_away_later_does_not_cost_the_analysis(tmp_path: Path) -> None:
    """The analysis process takes over settings that were checked; it can analyse without the checkout."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    settings = EngineSettings(model="m", repo_path=checkout)
    checkout.rmdir()

    assert EngineSettings.of_revealed(settings.revealed()) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X Team", "a"),
        ("X:", "a"),
        ("", "a"),
        ("X-Kéy", "a"),
        ("X-A", "geheim\n"),
        ("X-A", "geheim–"),
        ("X-A", " geheim"),
    ],
)
def test_a_header_that_cannot_be_sent_is_named_without_its_value(name: str, value: str) -> None:
    """Header values are secrets; configuration errors are pasted into tickets."""
    (said,) = problems(headers={name: value})

    assert said.startswith(f"engine.headers: header {name!r}: ")
    assert "geheim" not in said


@pytest.mark.parametrize("setting", ["usd", "seconds"])
def test_a_limit_is_a_finite_number(setting: str) -> None:
    """YAML writes infinity as .inf; whoever wants no limit leaves it out."""
    assert problems(budget={setting: float("inf")}) == (
        f"engine.budget.{setting}: input should be a finite number, got inf",
    )
