"""Detectors that compare versions, moments and costs: what got worse is found, what only varies is not."""

import random
from typing import Any

import pytest

from analysis.facts import FactWindow
from analysis.impact import impact
from analysis.outcomes import outcomes
from analysis.trace_sums import trace_sums
from domain.report import Scalar
from tests.analysis.asking import detector, none, only, split
from tests.analysis.building import SECOND, Run, window
from tests.analysis.judging import judged


def history(
    failing: list[bool], *, new_from: int | None = None, calls: int = 2, **newer: Any
) -> tuple[FactWindow, list[Run]]:
    """A run for each judgement; from `new_from` on of version 2, with `newer` said of its model calls."""
    found = []
    for at, fails in enumerate(failing):
        is_new = new_from is not None and at >= new_from
        run = Run(at, version="2" if is_new else "1")
        for number in range(calls):
            run.call("look", value=f"{at} {number}")
        run.ask(**({"input_tokens": 100 + at % 7} | (newer if is_new else {})))
        found.append(judged(run, not fails))
    return window(*found), found


def every(count: int, one_in: int) -> list[bool]:
    """So many judgements of which one in `one_in` is a failure."""
    return [at % one_in == one_in - 1 for at in range(count)]


def figures(name: str, facts: FactWindow) -> dict[str, Scalar]:
    """The figures of the one thing a detector finds."""
    return dict(only(name, facts)[1].figures)


def test_a_version_that_fails_more_often_is_found_with_both_rates() -> None:
    """A tenth before, half since."""
    facts, _ = history([*every(40, 10), *every(40, 2)], new_from=40)
    candidate, measure = only("version_regression", facts)

    assert (len(measure.affected), measure.opportunities) == (20, 40)
    assert split(measure, "version") == {"1": (4, 40), "2": (20, 40)}
    assert dict(measure.figures) == {
        "older": 0.1,
        "newer": 0.5,
        "change": 0.4,
        "change_low": pytest.approx(0.204, abs=0.01),
        "change_high": pytest.approx(0.56, abs=0.01),
        "p_value": pytest.approx(0.0002, abs=2e-4),
        "paired_tasks": 0,
    }
    assert candidate.title == "Version “2” fails more often than “1”: 50.0 %, before 10.0 %"
    assert (candidate.severity, candidate.category) == ("high", "regression")
    assert "Fisher" in candidate.explanation


def test_an_improvement_is_no_finding() -> None:
    """Nobody has to act on it."""
    assert none("version_regression", history([*every(40, 2), *every(40, 10)], new_from=40)[0])


def test_fewer_than_twenty_runs_of_a_version_are_not_compared() -> None:
    """The first hour of a deployment proves nothing."""
    facts, _ = history([*every(60, 10), *[True] * 19], new_from=60)

    assert none("version_regression", facts)
    assert detector("version_regression").comparisons(facts) == 0


def test_tasks_that_both_versions_ran_are_compared_in_pairs() -> None:
    """Which tasks come along differs from day to day; the same task is the fair comparison."""
    _, runs = history([*every(30, 10), *every(30, 2)], new_from=30)
    for at, run in enumerate(runs):
        run.change(run.root, task=f"task {at % 30}")
    candidate, measure = only("version_regression", window(*runs))

    assert dict(measure.figures)["paired_tasks"] == 30
    assert dict(measure.figures)["p_value"] == pytest.approx(2 / 2**12, rel=1e-3)  # twelve fail since, none before only
    assert "McNemar on 30 tasks run under both" in candidate.explanation


def test_more_tokens_a_run_are_found_by_rank_and_only_if_they_are_many() -> None:
    """A fifth of the older median is the least that anyone would roll back for."""
    much, _ = history(every(80, 10), new_from=40, input_tokens=900)
    little, _ = history(every(80, 10), new_from=40, input_tokens=130)
    candidate, measure = only("version_regression", much)

    assert candidate.args["metric"] == "tokens"
    assert (len(measure.affected), measure.wasted) == (40, measure.affected)
    assert candidate.severity == "medium"
    assert none("version_regression", little)


def test_a_larger_size_of_a_version_that_fails_less_is_the_price_of_it() -> None:
    """Runs that die at once are cheap."""
    facts, _ = history([*every(40, 2), *[False] * 40], new_from=40, input_tokens=900)
    candidate, _ = only("version_regression", facts)

    assert (candidate.args["metric"], candidate.severity) == ("tokens", "low")
    assert "may be the price of that" in candidate.explanation


def test_a_version_that_stopped_calling_tools_is_found() -> None:
    """It answers from the top of its head."""
    _, runs = history(every(80, 10), new_from=40)
    for at in range(50, 80):
        runs[at] = judged(Run(at, version="2"), at % 10 != 9)
    candidate, measure = only("version_regression", window(*runs))

    assert candidate.args["metric"] == "no_tool_call"
    assert split(measure, "version") == {"1": (0, 40), "2": (30, 40)}


def test_more_failing_calls_and_a_spoilt_cache_are_found_by_run() -> None:
    """One run with a hundred failing calls is one run."""
    _, runs = history(every(80, 10), new_from=40)
    for at, run in enumerate(runs):
        answer = run.ask(input_tokens=1_000, cached_tokens=100 if at >= 40 else 900)
        run.bare_call("look", value=f"last {at}", error="boom" if at >= 40 and at % 2 else "", issuer_id=answer)
    facts = window(*runs)
    found = {each.args["metric"]: each for each in detector("version_regression").find(facts)}

    assert found.keys() == {"tool_errors", "cached"}
    assert found["cached"].severity == "low"
    assert len(detector("version_regression").measure(facts, found["tool_errors"].args).affected) == 20


def test_what_a_later_version_mended_is_told_as_low() -> None:
    """It is over; the record stays."""
    _, runs = history([*every(40, 10), *every(40, 2), *every(40, 10)], new_from=40)
    for at, run in enumerate(runs[80:], 80):
        runs[at] = Run(at, version="3")
        runs[at].call("look", value=str(at))
        judged(runs[at], at % 10 != 9)
        assert run.trace_id == runs[at].trace_id
    candidate, _ = only("version_regression", window(*runs))

    assert (candidate.args["newer"], candidate.severity) == ("2", "low")
    assert "In version “3” it is no worse than before." in candidate.explanation


def test_the_weight_of_a_failing_version_is_what_it_fails_beyond_the_last() -> None:
    """Not all its failures: a tenth failed before."""
    facts, _ = history([*every(40, 10), *every(40, 2)], new_from=40)
    measure = only("version_regression", facts)[1]

    assert impact(facts, measure, outcomes(facts), explains_failures=True).failing_traces == pytest.approx(8.2, abs=0.3)


def test_a_change_without_a_new_version_is_found_at_its_moment() -> None:
    """Somebody changed a model or a tool and no label."""
    facts, runs = history([*every(60, 10), *every(40, 2)])
    candidate, measure = only("change_point", facts)
    values = dict(measure.figures)

    assert candidate.severity == "medium"
    assert str(values["since"]).startswith("2023-11-17")
    assert 36 <= measure.opportunities <= 44
    assert values["p_value"] == 1 / 2_000
    assert split(measure, "moment")["since"] == (len(measure.affected), measure.opportunities)
    assert "The version did not change" in candidate.explanation
    assert len(runs) == 100


def test_a_change_for_the_better_and_a_steady_rate_are_no_findings() -> None:
    """The scan looks both ways; only one of them calls for anything."""
    chance = random.Random(7)

    assert none("change_point", history([*every(60, 2), *every(40, 10)])[0])
    assert none("change_point", history([chance.random() < 0.3 for _ in range(100)])[0])


def test_versions_are_left_to_their_own_detector_and_short_series_alone() -> None:
    """One story is told once."""
    assert none("change_point", history([*every(60, 10), *every(40, 2)], new_from=60)[0])
    assert none("change_point", history([*[False] * 15, *[True] * 15])[0])


def test_errors_and_missing_calls_are_looked_at_where_nobody_judges() -> None:
    """Most windows have no evaluation."""
    _, runs = history(every(80, 10))
    for run in runs:
        run.change(run.root, verdicts=())
    for run in runs[50:]:
        run.call("look", value="again", error="boom")
        run.call("look", value="mended")
    found = [each.args["series"] for each in detector("change_point").find(window(*runs))]

    assert found == ["errors"]


def test_every_series_is_a_test_that_counts() -> None:
    """Three were made; that one of them is told is no reason to forget the others."""
    facts, _ = history([*every(60, 10), *every(40, 2)])

    assert detector("change_point").comparisons(facts) == len(detector("change_point").p_values(facts)) == 1
    with pytest.raises(ValueError, match="unknown series"):
        detector("change_point").measure(facts, {"series": "moon", "service": "shop", "agent_uuid": ""})


def test_a_success_costs_what_failures_cost_too() -> None:
    """Ten runs of 110 tokens, half of them for nothing: 220 a success."""
    facts = costing([(100, None)] * 10, failing=5)
    candidate, measure = only("cost_per_success", facts)
    values = dict(measure.figures)

    assert (values["unit"], values["per_success"], values["failing_share"]) == ("tokens", 220, 0.5)
    assert (len(measure.affected), measure.opportunities) == (5, 10)
    assert "Spans state no price, so tokens are counted." in candidate.explanation
    assert candidate.explains_failures is False


def test_prices_are_used_where_every_span_states_one() -> None:
    """Half a price list would make the unpriced half free."""
    priced = figures("cost_per_success", costing([(100, 0.02)] * 12, failing=3))
    mixed = figures("cost_per_success", costing([(100, 0.02)] * 11 + [(100, None)], failing=3))

    assert (priced["unit"], priced["per_success"]) == ("USD", pytest.approx(0.24 / 9, rel=1e-3))
    assert mixed["unit"] == "tokens"


def test_spending_on_failures_is_worth_acting_on_only_when_it_is_surely_much() -> None:
    """A few failures are the price of trying."""
    few, _ = only("cost_per_success", costing([(100, None)] * 60, failing=6))
    dear, measure = only("cost_per_success", costing([(2_000, None)] * 20 + [(100, None)] * 40, failing=20))

    assert (few.severity, dear.severity) == ("info", "medium")
    assert float(str(dict(measure.figures)["share_low"])) > 0.3


def test_cost_needs_outcomes_that_somebody_stated_and_both_kinds_of_them() -> None:
    """A root without an error is not yet a success."""
    unjudged = [Run(at) for at in range(30)]
    for run in unjudged[:9]:
        run.fail()
    for run in unjudged:
        run.ask()

    assert none("cost_per_success", window(*unjudged))
    assert none("cost_per_success", costing([(100, None)] * 12, failing=0))
    assert none("cost_per_success", costing([(100, None)] * 12, failing=12))
    assert none("cost_per_success", costing([(100, None)] * 9, failing=4))


def costing(spent: list[tuple[int, float | None]], *, failing: int) -> FactWindow:
    """Runs of one model call each with (input tokens, price); the first ones fail."""
    found = []
    for at, (tokens, price) in enumerate(spent):
        run = Run(at)
        run.ask(input_tokens=tokens, cost_usd=price)
        found.append(judged(run, at >= failing))
    return window(*found)


def test_a_trace_comes_to_the_sums_of_its_leaves() -> None:
    """Wrappers repeat tokens; a root that ends late counts for its time."""
    run = Run(version="7")
    run.call("look", value="a", error="boom")
    run.ask(input_tokens=50, output_tokens=5, cached_tokens=20, cost_usd=0.5, leaf_llm=False)
    run.ask(input_tokens=60, output_tokens=6, cached_tokens=30, cost_usd=0.1)
    (found,) = trace_sums(window(judged(run, False)))

    assert (found.tool_calls, found.failed_tool_calls, found.model_calls) == (1, 1, 2)
    assert (found.input_tokens, found.tokens, found.cached_tokens, found.cost_usd) == (160, 176, 30, None)
    assert (found.failing, found.outcome_source, found.version, found.has_error) == (True, "evaluation", "7", True)
    assert found.seconds == (run.now - found.start_ns) / SECOND
