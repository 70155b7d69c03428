"""One finding per (tool, cause), under an identity that lasts."""

from dataclasses import replace

from analysis.detecting import Candidate, Measure
from analysis.facts import FactWindow
from analysis.looking import Seen, look, shipped_detectors
from analysis.merging import Story, fingerprint, merge
from analysis.observability import missing
from tests.analysis.building import Run, request, unusable, window


def stories(facts: FactWindow) -> list[Story]:
    return merge(look(facts, shipped_detectors(), missing).seen)


def told(facts: FactWindow) -> list[tuple[str, str]]:
    return [(story.lead.candidate.detector, story.lead.candidate.subject) for story in stories(facts)]


def test_what_eight_detectors_see_of_one_tool_is_one_story_told_by_the_sharpest() -> None:
    """A reader wants to mend page_down once."""
    (story,) = stories(unusable())

    assert story.lead.candidate.detector == "unusable_tool"
    assert {seen.candidate.detector for seen in story.absorbed} == {
        "error_signatures",
        "invalid_arguments",
        "redundant_arguments",
        "repeated_calls",
        "retry_storm",
        "tool_error_rate",
        "unrecovered_error",
    }


def test_an_invented_tool_is_one_story_though_requests_and_calls_are_other_spans() -> None:
    """The request lies on the model's span, the rejection on the tool's."""
    run = Run()
    for _ in range(4):
        issuer = run.ask(request("LS", declared=False))
        run.bare_call("LS", error="Error: No such tool available: LS", issuer_id=issuer)
        run.call("look", value=str(issuer))

    assert told(window(run)) == [("hallucinated_tool", "LS")]


def test_two_tools_with_the_same_error_are_two_stories() -> None:
    """They are mended in two places."""
    run = Run()
    for tool in ("a", "b"):
        for at in range(3):
            run.call(tool, value=str(at), error="TimeoutError: slow")

    assert sorted(told(window(run))) == [("unusable_tool", "a"), ("unusable_tool", "b")]


def test_two_errors_of_the_model_calls_are_two_stories() -> None:
    """They have nothing to do with each other."""
    run = Run()
    for text in ("rate limited", "overloaded"):
        run.ask(status=2, leaf_error=True, error_template=text)

    assert len(stories(window(run))) == 2


def candidate(detector: str = "a", *, subject: str = "tool", cause: str = "x", precedence: int = 1) -> Candidate:
    return Candidate(
        detector=detector,
        category="c",
        owner="tool",
        severity="low",
        subject=subject,
        cause=cause,
        args={},
        title="t",
        explanation="e",
        fix="f",
        exemplars=(),
        precedence=precedence,
    )


def seen(found: Candidate, *spans: int) -> Seen:
    affected = frozenset(("t", str(span)) for span in spans)
    return Seen(found, Measure(affected, 10, 1, affected))


def test_half_of_its_spans_make_a_candidate_part_of_a_story_and_less_do_not() -> None:
    """Otherwise one shared span would swallow another cause."""
    lead = seen(candidate("lead", precedence=9), 1, 2, 3)

    joined = merge([lead, seen(candidate("b", cause="y"), 3, 4)])
    apart = merge([lead, seen(candidate("b", cause="y"), 3, 4, 5)])

    assert [len(story.absorbed) for story in joined] == [1]
    assert [len(story.absorbed) for story in apart] == [0, 0]


def test_what_stands_alone_never_merges() -> None:
    """A truncated answer may also be an empty one; those are two things to mend."""
    one = seen(candidate("one", subject="", precedence=0), 1, 2)
    other = seen(candidate("other", subject="", cause="y", precedence=0), 1, 2)

    assert len(merge([one, other])) == 2


def test_the_order_in_which_detectors_look_changes_nothing() -> None:
    """Verification looks in its own order."""
    everything = look(unusable(), shipped_detectors(), missing).seen

    one, other = merge(everything), merge(tuple(reversed(everything)))

    assert [fingerprint(each.lead.candidate) for each in one] == [fingerprint(each.lead.candidate) for each in other]
    assert [len(each.absorbed) for each in one] == [len(each.absorbed) for each in other]


def test_an_identity_depends_on_what_is_wrong_and_never_on_how_often() -> None:
    """Else every report would call every finding new."""
    few, many = stories(unusable(traces=2)), stories(unusable(traces=6))

    assert [fingerprint(story.lead.candidate) for story in few] == [fingerprint(story.lead.candidate) for story in many]
    one = candidate()
    assert fingerprint(one) == fingerprint(replace(one, title="63 of 64", severity="high", args={"n": 1}))
    assert (
        len({fingerprint(replace(one, **{name: "other"})) for name in ("subject", "cause", "service", "family")}) == 4
    )


def test_a_tool_that_gets_better_keeps_its_identity_when_another_detector_tells_it() -> None:
    """From unusable over failing often to failing sometimes it is one failure."""
    identities = set()
    detectors = set()
    for good in (0, 8, 40):
        run = Run()
        for at in range(8):
            run.call("bad", value=f"b{at}", error="TimeoutError: slow")
        for at in range(good):
            run.call("bad", value=f"g{at}")
        for at in range(20):
            run.call("good", value=str(at))
        (story,) = [each for each in stories(window(run)) if each.lead.candidate.subject == "bad"]
        detectors.add(story.lead.candidate.detector)
        identities.add(fingerprint(story.lead.candidate))

    assert detectors == {"unusable_tool", "tool_error_rate", "error_signatures"}
    assert len(identities) == 1
