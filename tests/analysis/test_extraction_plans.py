"""Plans are numbered lists that name tools; ordinary words and ordinary lists are no plans."""

import pytest

from analysis.plans import planned_tools

_TOOLS = frozenset(("web_search", "visit_page", "search", "final_answer", "searchAgent"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. Use web_search.\n2. Open it with visit_page.", ("visit_page", "web_search")),
        ("Plan:\n  1) call `search`\n  2) done", ("search",)),
        ("### 1. Find\n### 2. Ask searchAgent", ("searchAgent",)),
        ("- **1.** web_search(q)\n- **2.** stop", ("web_search",)),
        ("Step 1: use the search tool\nStep 2: read", ("search",)),
        ("1. search the web\n2. read it", ()),
        ("1. research_web_search_engine\n2. re-web_search-x", ()),
        ("1. Use web_search.", ()),
        ("Use web_search, then visit_page.", ()),
        ("web_search found it:\n1. a fish\n2. a bird", ()),
        ("1. think\n2. call final_answer", ()),
        ("2024. was warm\n2025. was web_search", ()),
        ("", ()),
    ],
)
def test_a_plan_names_the_tools_of_its_steps(text: str, expected: tuple[str, ...]) -> None:
    """Each false plan would accuse an agent of not doing what it never announced."""
    assert planned_tools(text, _TOOLS) == expected


def test_no_tools_no_plan() -> None:
    """What is not declared cannot be planned."""
    assert planned_tools("1. Use web_search.\n2. Stop.", frozenset()) == ()
