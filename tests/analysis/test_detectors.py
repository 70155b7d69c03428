"""What holds for every detector: the contract that the loader, the finding builder and `halo verify` rely on."""

import importlib
from collections.abc import Mapping

import pytest

from analysis.detecting import Candidate, Detector
from analysis.facts import FactWindow
from analysis.looking import KIND, load_detectors, look, shipped_detectors
from analysis.observability import FIELDS, missing
from domain.component import component_types
from domain.errors import ConfigError
from domain.spans import SpanStatus
from tests.analysis.building import NO_ARGUMENT, Run, digest, request, window
from tests.analysis.troubled_actions import troubled_actions
from tests.analysis.troubled_answers import troubled_answers
from tests.analysis.troubled_outcomes import troubled_outcomes

SHIPPED = component_types(KIND)


@pytest.fixture(params=SHIPPED)
def detector(request: pytest.FixtureRequest) -> Detector:
    return shipped_detectors()[request.param]


@pytest.fixture(scope="module")
def judged() -> Mapping[str, FactWindow]:
    return troubled_outcomes()


@pytest.fixture
def seen(detector: Detector, troubled: FactWindow, judged: Mapping[str, FactWindow]) -> FactWindow:
    """Runs in which the detector has something to see."""
    return judged.get(detector.name, troubled)


@pytest.fixture(scope="module")
def troubled() -> FactWindow:
    """Runs in which every detector has something to see that needs no judged runs."""
    runs = []
    for number in range(6):
        run = Run(number)
        run.ask(plan_tools=("look",), output_chars=200, input_tokens=1_000, declares=("look", "page_down"))
        for step in range(4):
            run.call("page_down", '[""]', error=NO_ARGUMENT, arguments_problem="unexpected: ''")
            run.call("guess", value=str(step), error="ValueError: nothing found")
        run.call("guess", value="more", error="ValueError: nothing found")
        for _ in range(3):
            run.call("poll", result_hash=digest("same"))
        for step in range(6):
            run.call("scan", value=str(step), result_hash=digest("none"))
        run.ask(request("invented", call_id="c1", declared=False))
        run.ask(request("look", call_id="c2"), answered_calls=("c0",))
        run.ask(request("look", call_id="c0"))
        run.ask(output_chars=0, input_tokens=20_000)
        run.ask(finish="length", input_tokens=30_000)
        run.ask(input_tokens=40_000, end_ns=0)
        runs.append(run)
    for number in range(6, 9):
        run = Run(number, version="2")
        run.ask(plan_tools=("page_down",), output_chars=9)
        run.change(run.root, output_chars=0)
        runs.append(run)
    grown = Run(10)
    for turn in range(8):
        grown.ask(request(), input_tokens=2_000 * (turn + 1))
        grown.bare_call(value=str(turn))
    slow = Run(9)
    for step in range(30):
        start = Run(9).now + step
        slow.bare_call("fetch", value=str(step), start_ns=start, end_ns=start + (90 if step > 26 else 1) * 10**9)
    return window(*runs, grown, slow, *troubled_answers(), *troubled_actions())


def test_it_is_called_like_its_file_and_says_what_it_counts(detector: Detector) -> None:
    """Its docstring is the definition that readers of a report are referred to."""
    module = importlib.import_module(type(detector).__module__)

    assert module.__name__ == f"{KIND}.{detector.name}"
    for word in ("Counts", "Excluded", "Known false positives"):
        assert f"\n{word}" in (module.__doc__ or ""), word
    assert {*detector.requires, *detector.requires_any} <= set(FIELDS)
    assert all(field.description for field in module.Config.model_fields.values())


def test_it_sees_nothing_where_nothing_is(detector: Detector) -> None:
    """An empty window and a healthy run have no failures."""
    healthy = Run()
    healthy.call("look")
    healthy.ask()

    assert list(detector.find(FactWindow.of(()))) == []
    assert list(detector.find(window(healthy))) == []


def test_its_candidates_can_be_measured_again(detector: Detector, seen: FactWindow) -> None:
    """The arguments of a candidate are all that a later verification has."""
    candidates = list(detector.find(seen))

    assert candidates
    for candidate in candidates:
        measure = detector.measure(seen, candidate.args)
        assert measure.affected
        assert len(measure.affected) <= measure.opportunities
        assert {trace_id for trace_id, _ in measure.affected} <= {trace.trace_id for trace in seen.traces}
        assert len({trace_id for trace_id, _ in measure.affected}) <= measure.traces <= len(seen.traces)
        assert measure.affected | measure.wasted <= set(seen.by_ref)
        assert all(split.affected <= split.opportunities for split in measure.splits)
        assert all(isinstance(value, str | int | float) for value in candidate.args.values())
        _is_told_well(candidate)


def _is_told_well(candidate: Candidate) -> None:
    for text in (candidate.title, candidate.explanation, candidate.fix, candidate.acceptance):
        assert text == text.strip()
        assert text
        assert "  " not in text
        assert "\n" not in text
    assert any(word in candidate.acceptance for word in ("<", "= 0", "no more", "no worse"))
    assert candidate.quote_fields


def test_a_subject_seen_once_is_measured_the_same_in_any_order(detector: Detector, seen: FactWindow) -> None:
    """An evidence bundle may return traces in another order."""
    turned = FactWindow.of(reversed(seen.traces))

    found = sorted(detector.find(seen), key=lambda each: str(each.args))
    again = sorted(detector.find(turned), key=lambda each: str(each.args))

    assert [each.title for each in found] == [each.title for each in again]
    for one, other in zip(found, again, strict=True):
        assert detector.measure(seen, one.args) == detector.measure(turned, other.args)


class _Broken(Detector):
    name = "broken"
    requires = ()

    def find(self, window: FactWindow) -> list[Candidate]:
        raise KeyError("no such thing")


class _Asking(_Broken):
    requires = ("no_such_field",)


def test_a_detector_that_raises_costs_only_its_own_findings(troubled: FactWindow) -> None:
    """One mistake in one detector must not cost the report."""
    shipped = shipped_detectors()

    found = look(troubled, {**shipped, "broken": _Broken(), "asking": _Asking()}, missing)  # type: ignore[abstract]

    assert len(found.seen) == len(look(troubled, shipped, missing).seen)
    assert [note.partition(" raised ")[0] for note in found.notes] == ["The detector asking", "The detector broken"]


def test_a_detector_can_be_switched_off_and_set(troubled: FactWindow) -> None:
    """Users know their benign errors better than any default."""
    found = load_detectors({"repeated_calls": {"enabled": False}, "unusable_tool": {"min_calls": 1_000}})

    assert "repeated_calls" not in found
    assert list(found["unusable_tool"].find(troubled)) == []


def test_a_mistake_in_the_settings_names_its_place() -> None:
    """A typo that is ignored is a threshold that never applied."""
    with pytest.raises(
        ConfigError, match=r"^analysis\.detectors\.unusable_tool\.min_call: unknown setting; did you mean min_calls"
    ):
        load_detectors({"unusable_tool": {"min_call": 3}})
    with pytest.raises(ConfigError, match="unknown type 'unusable'"):
        load_detectors({"unusable": {}})


def test_comparisons_are_counted_where_something_is_compared(troubled: FactWindow) -> None:
    """A report states how many tests were run, so that a reader can judge how many alarms chance alone gives."""
    counted = {name: each.comparisons(troubled) for name, each in shipped_detectors().items()}

    assert {name for name, count in counted.items() if count} == {
        "cache_misses",
        "context_growth",
        "latency_outliers",
        "token_blow_up",
        "tool_error_rate",
        "unusable_tool",
        "version_regression",
    }
    assert look(troubled, shipped_detectors(), missing).tests_run == sum(counted.values())


def test_what_was_never_recorded_is_named_instead_of_found() -> None:
    """Without content every answer looks empty."""
    run = Run()
    run.ask(output_chars=None, finish="", declares=None)
    run.ask(output_chars=None, finish="", declares=None, status=SpanStatus.OK)

    found = look(window(run), shipped_detectors(), missing)

    blind = {each.detector: each.missing_fields for each in found.not_observable}
    assert "llm.output_messages.N.message.content | gen_ai.output.messages" in blind["empty_output"]
    assert len(blind["truncated_output"]) == 2
    assert found.seen == ()
