"""What a pattern's text tells before it is compiled."""

import pytest

from engine.querying.expressions import Expression
from engine.querying.literals import required_text, unrolled_size
from engine.tooling import ToolError


@pytest.mark.parametrize(
    ("pattern", "required"),
    [
        ("order not found", "order not found"),
        (r'"success": ?false', "success"),
        ("limits?", "limit"),
        ("hell+o there", "o there"),
        (r"(ab|cd)xylo\d+", "xylo"),
        (r"\bwörter\b", "wörter"),
        ("ndependencies", "dependencies"),
        ("u001fsign", "sign"),
    ],
)
def test_a_pattern_names_the_text_without_which_it_cannot_match(pattern: str, required: str) -> None:
    """Only because of such a text need not every span of a window be written out as a line."""
    assert required_text(pattern) == required


@pytest.mark.parametrize(
    "pattern",
    [
        "timeout|quota",
        "(?i)timeout",
        "(?V1i)timeout",
        "STATUS_CODE_ERROR",
        "trace_id",
        "race",
        "4711",
        "beef",
        "tim{e<=1}",
        r"(x)\g<1>",
        "(hidden)?",
        "a.b",
        "",
    ],
)
def test_a_pattern_promises_nothing_that_is_not_certain(pattern: str) -> None:
    """A promise that does not hold would hide spans; what JSON itself writes promises nothing of a span's bytes."""
    assert required_text(pattern) == ""


def test_a_pattern_that_grows_beyond_bounds_is_refused_before_it_is_compiled() -> None:
    """Compiling three nested repetitions of fifty takes seconds and gigabytes, and nothing can interrupt that."""
    assert unrolled_size("(?:(?:x{50}){50}){2}") == 5_000
    assert unrolled_size("[0-9a-f]{8}-[0-9a-f]{4}") == 13
    with pytest.raises(ToolError, match="repeats too much"):
        Expression("(?:(?:(?:x{50}){50}){50}){50}")


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(" * 500 + ")" * 500, r"\p{Nonsense}"])
def test_a_wrong_pattern_is_answered_with_what_is_wrong(pattern: str) -> None:
    """The model can correct what it is told of."""
    with pytest.raises(ToolError, match="invalid regex pattern"):
        Expression(pattern)
