"""What a run costs, and when that is not known."""

import json
from pathlib import Path

import pytest

from domain.errors import ConfigError
from engine.llm.model import ModelUsage
from engine.llm.prices import load_prices

MILLION = ModelUsage(requests=1, input_tokens=1_000_000, output_tokens=1_000_000)


def written(path: Path, models: object) -> Path:
    path.write_text(json.dumps({"models": models}))
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return written(
        tmp_path / "prices.json",
        {
            "house": {"input": 2, "cached_input": 0.5, "output": 10, "context_window": 32_000},
            "plain": {"input": 2, "output": 10},
            "local": {"context_window": 8_192},
            "GPT-5": {"input": 1, "output": 1},
        },
    )


def test_cached_and_fresh_tokens_are_billed_apart(own: Path) -> None:
    """An agent's input is mostly cached; billed in full, a budget would be spent at a fifth of it."""
    usage = ModelUsage(1, input_tokens=1_000_000, output_tokens=100_000, cached_tokens=800_000, reasoning_tokens=90_000)

    assert load_prices(own).usd("house", usage) == pytest.approx(0.2 * 2 + 0.8 * 0.5 + 0.1 * 10)


def test_cached_tokens_without_a_price_cost_what_fresh_ones_do(own: Path) -> None:
    """Too much is a safer guess than too little."""
    assert load_prices(own).usd("plain", ModelUsage(1, 1_000_000, 0, cached_tokens=1_000_000)) == pytest.approx(2)


def test_an_endpoint_that_counts_more_cached_tokens_than_tokens_costs_nothing_negative(own: Path) -> None:
    """Some report the cache of earlier requests here."""
    assert load_prices(own).usd("house", ModelUsage(1, 10, 0, cached_tokens=500)) == pytest.approx(10 * 0.5 / 1e6)


def test_an_unknown_price_is_none_and_not_nothing(own: Path) -> None:
    """A report that says $0 for a model without a price would be believed."""
    prices = load_prices(own)

    assert prices.usd("somebody-elses", MILLION) is None
    assert prices.usd("local", MILLION) is None
    assert prices.context_window("local") == 8_192
    assert prices.context_window("plain") is None


@pytest.mark.parametrize(
    "name",
    ["gpt-5.4-mini", "openai/gpt-5.4-mini", "gpt-5.4-mini-2026-03-17", "openrouter/openai/GPT-5.4-mini-20260317"],
)
def test_a_model_is_found_under_the_names_it_goes_by(name: str) -> None:
    """Routers put the provider before the name, releases put their date behind it."""
    assert load_prices(None).usd(name, MILLION) == pytest.approx(0.75 + 4.50)


def test_an_exact_name_wins_over_a_shortened_one(tmp_path: Path) -> None:
    """A router may ask another price for the same model, and an old release may cost what it did."""
    path = written(
        tmp_path / "p.json",
        {"router/gpt-4o": {"input": 9, "output": 9}, "gpt-4o-2024-05-13": {"input": 5, "output": 15}},
    )
    prices = load_prices(path)

    assert prices.usd("router/gpt-4o", MILLION) == pytest.approx(18)
    assert prices.usd("gpt-4o-2024-05-13", MILLION) == pytest.approx(20)
    assert prices.usd("gpt-4o", MILLION) == pytest.approx(12.5)


def test_dots_of_a_router_match_the_dashes_of_the_maker() -> None:
    """OpenRouter writes claude-sonnet-4.5."""
    prices = load_prices(None)

    assert prices.context_window("anthropic/claude-sonnet-4.5") == prices.context_window("claude-sonnet-4-5") == 200_000


def test_the_users_file_wins_model_by_model(own: Path) -> None:
    """Who has a contract knows the price; the other models keep theirs."""
    prices = load_prices(own)

    assert prices.usd("gpt-5", MILLION) == pytest.approx(2)
    assert prices.usd("gpt-5-mini", MILLION) == load_prices(None).usd("gpt-5-mini", MILLION) is not None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Invalid JSON"),
        ("[]", "valid dictionary|should be"),
        ('{"models": {"a": {"input": -1, "output": 1}}}', r"models\.a\.input: .*greater than or equal to 0"),
        ('{"models": {"a": {"input": 1}}}', r"models\.a: .*input and output belong together"),
        ('{"models": {"a": {"inputs": 1}}}', r"models\.a\.inputs: "),
        ("{}", "models: Field required"),
    ],
)
def test_a_malformed_file_is_one_line_that_names_the_place(tmp_path: Path, text: str, problem: str) -> None:
    """A price that is silently not used makes a budget wrong."""
    path = tmp_path / "prices.json"
    path.write_text(text)

    with pytest.raises(ConfigError, match=problem) as caught:
        load_prices(path)

    (line,) = caught.value.problems
    assert line.startswith(f"{path}: ")
    assert "\n" not in line


def test_a_file_that_is_not_there_is_said_by_name(tmp_path: Path) -> None:
    """The path is the thing to correct."""
    with pytest.raises(ConfigError, match=r"missing\.json: the prices cannot be read: No such file"):
        load_prices(tmp_path / "missing.json")
