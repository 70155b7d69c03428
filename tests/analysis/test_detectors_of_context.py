"""Detectors of what runs carry along and spend: what they find, and the false alarms they must not raise."""

from analysis.detecting import Measure
from analysis.facts import FactWindow
from analysis.looking import load_detectors, unmet
from analysis.observability import missing
from tests.analysis.asking import none, only, split
from tests.analysis.building import Run, request, window
from tests.analysis.troubled_answers import cached, remembering, spending


def counted(measure: Measure) -> tuple[int, int]:
    return len(measure.affected), measure.opportunities


def is_blind(name: str, facts: FactWindow) -> bool:
    return bool(unmet(facts, load_detectors(None)[name], missing))


def versions(old: float, new: float, *, calls: int = 4, runs: int = 8) -> FactWindow:
    return window(
        *(cached(at, old, "1.0", calls) for at in range(runs)),
        *(cached(99 + at, new, "1.1", calls) for at in range(runs)),
    )


def test_a_version_that_reads_far_less_from_the_cache_than_the_others_is_found() -> None:
    """The first call of a run is cold in any version and counts for nothing."""
    candidate, measure = only("cache_misses", versions(0.9, 0.1))

    assert counted(measure) == (24, 24)
    assert dict(measure.figures) == {"cached_share": 0.1, "cached_share_of_others": 0.9}
    assert candidate.severity == "medium"
    assert candidate.args["version"] == "1.1"


def test_small_differences_small_samples_and_caches_nobody_reads_are_no_finding() -> None:
    """Half the share, twenty calls, and a fifth of the input are where it begins to matter."""
    assert none("cache_misses", versions(0.9, 0.5))
    assert none("cache_misses", versions(0.9, 0.1, runs=6))
    assert none("cache_misses", versions(0.15, 0.0))
    assert none("cache_misses", versions(0.9, 0.0, calls=1, runs=40))


def test_cache_counters_that_nobody_records_are_not_misses() -> None:
    """Neither counters nor histories: not observable."""
    run = Run()
    for _ in range(40):
        run.ask()

    assert is_blind("cache_misses", window(run))
    assert is_blind("dropped_history", window(run))


CHANGING = [(2, 0), *((2 * at, 0) for at in range(2, 14))]
STEADY = [(2, 0), *((2 * at, 2 * at - 2) for at in range(2, 14))]
REMINDED = [(3, 0), *((2 * at + 1, 2 * at - 2) for at in range(2, 14))]


def test_a_prompt_that_changes_at_its_beginning_with_every_call_is_found() -> None:
    """The time of day in a system prompt costs the whole cache."""
    changing = [remembering(at, *CHANGING) for at in range(2)]

    candidate, measure = only("cache_misses", window(*changing))
    assert counted(measure) == (24, 24)
    assert candidate.severity == "low"
    assert none("cache_misses", window(*(remembering(at, *STEADY) for at in range(2))))
    assert none("cache_misses", window(*(remembering(at, *REMINDED) for at in range(2))))


def test_a_changing_prompt_that_is_cached_all_the_same_is_no_finding() -> None:
    """Then the provider knows better than the record."""
    runs = []
    for number in range(2):
        run = remembering(number)
        for messages, kept in CHANGING:
            run.ask(request(), messages=messages, kept_messages=kept, input_tokens=100, cached_tokens=90)
        runs.append(run)

    assert none("cache_misses", window(*runs))


def test_two_prompts_that_take_turns_do_not_break_each_others_cache() -> None:
    """A guard between the steps has a prompt of its own."""
    told = [each for at in range(1, 14) for each in ((2 * at, 0), (2, 0))]

    assert none("cache_misses", window(*(remembering(at, *told) for at in range(2))))
    assert none("dropped_history", window(*(remembering(at, *told) for at in range(2))))


def test_a_call_that_is_given_only_what_the_call_before_was_given_has_lost_what_came_of_it() -> None:
    """Neither the answer that asked for a tool nor the result is there."""
    forgetful = [remembering(at, (2, 0), (4, 2), (2, 2)) for at in range(2)]
    repeating = remembering(8, (2, 0), (2, 2), (4, 2))

    candidate, measure = only("dropped_history", window(*forgetful, repeating))
    assert counted(measure) == (3, 6)
    assert (candidate.severity, candidate.args["kind"]) == ("medium", "lost")
    assert len(measure.wasted) == 3


def test_a_window_that_slides_over_the_history_loses_it() -> None:
    """As many messages fall out as come in, and nothing stands for them."""
    _, measure = only("dropped_history", window(remembering(0, (2, 0), (4, 2), (4, 2), (4, 2))))

    assert counted(measure) == (2, 3)


def test_a_history_that_is_summarised_is_told_for_information() -> None:
    """Fewer messages with others in their place: that is deliberate."""
    compacting = [remembering(at, (2, 0), (20, 2), (5, 2), (7, 5)) for at in range(2)]

    candidate, measure = only("dropped_history", window(*compacting))
    assert (candidate.severity, candidate.args["kind"]) == ("info", "shortened")
    assert counted(measure) == (2, 6)
    assert measure.wasted == frozenset()


def test_another_prompt_and_another_sample_are_no_lost_history() -> None:
    """The first begins with another message; the second follows no tool request."""
    other = remembering(0, (6, 0), (2, 0), (2, 0))
    sampled = Run(1)
    for _ in range(4):
        sampled.ask(messages=2, kept_messages=2)

    assert none("dropped_history", window(other, sampled))


def test_runs_with_many_times_the_usual_tokens_are_found() -> None:
    """Three of twenty-three, on log scale; what lies above the median is what they cost too much."""
    runs = [spending(at, 1_000 + at) for at in range(20)]
    blown = [spending(50 + at, 90_000) for at in range(3)]

    candidate, measure = only("token_blow_up", window(*runs, *blown))
    assert counted(measure) == (3, 23)
    assert dict(measure.figures)["median_tokens"] == 1_011
    assert dict(measure.figures)["tokens_above_median"] == 3 * (90_000 - 1_011)
    assert candidate.severity == "low"
    assert none("token_blow_up", window(*runs[:16], *blown))
    assert none("token_blow_up", window(*runs, *blown[:2]))


def test_a_run_is_compared_with_runs_of_its_version_and_task() -> None:
    """What is large for one task is usual for another."""
    small = [spending(at, 1_000, task="small") for at in range(20)]
    large = [spending(50 + at, 90_000, task="large") for at in range(20)]
    newer = [spending(90 + at, 90_000, version="2") for at in range(4)]

    assert none("token_blow_up", window(*small, *large, *newer))


def test_tasks_of_which_there_are_few_runs_are_compared_with_each_other() -> None:
    """A task that is the hash of a question is of one run only."""
    runs = [spending(at, 1_000 if at < 20 else 90_000, task=f"t{at}") for at in range(24)]

    _, measure = only("token_blow_up", window(*runs))
    assert counted(measure) == (4, 24)


def growing(number: int) -> Run:
    """A run whose third tool result is a book."""
    run = Run(number)
    for at, tokens in enumerate((2_000, 3_000, 4_000, 15_000, 16_000)):
        run.ask(request(), input_tokens=tokens)
        run.bare_call("shelf" if at == 2 else "look", value=str(at), result_chars=44_000 if at == 2 else 900)
        run.bare_call("clock", value=str(at), result_chars=8)
    return run


def test_growth_is_put_down_to_the_largest_result_before_the_largest_rise() -> None:
    """The two calls beside it are small, and the last result came after all calls."""
    candidate, measure = only("context_growth", window(growing(0), growing(1)))

    assert split(measure, "largest rise after") == {"shelf": (2, 2)}
    assert dict(measure.figures) == {"growing_scopes": 2, "median_largest_rise_tokens": 11_000}
    assert "shelf in 2 of 2 growing runs" in candidate.explanation


def test_growth_without_recorded_results_is_put_down_to_nothing() -> None:
    """Nobody knows what it came of."""
    run = Run()
    for at in range(6):
        run.ask(request(), input_tokens=4_000 * (at + 1))

    candidate, measure = only("context_growth", window(run))
    assert split(measure, "largest rise after") == {"(not recorded)": (1, 1)}
    assert "rise" not in candidate.explanation
