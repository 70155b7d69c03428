"""Plans: which declared tools a numbered list in an answer says will be used.

A name that is an ordinary word ("search", "read") counts only where the text marks it as a tool; names with
an underscore, a hyphen, a digit or inner capitals speak for themselves.
"""

import re
from collections.abc import Set
from functools import lru_cache

_STEP = re.compile(r"^[ \t]*(?:[-*#>]+[ \t]*)?(?:\*\*)?(?:[Ss]tep[ \t]*)?\d{1,2}(?:\*\*)?[.):][^\n]*", re.MULTILINE)
ENDINGS = frozenset(("final_answer", "finish", "submit", "submit_answer", "done", "exit", "terminate", "complete"))
_ORDINARY = re.compile(r"[A-Z]?[a-z]+")
_MIN_STEPS = 2
_MAX_CHARS = 20_000


def planned_tools(text: str, names: Set[str]) -> tuple[str, ...]:
    """The tools named in the steps of a numbered plan, sorted; () without a plan of at least two steps.

    Tools that only hand in the answer are left out: nearly every plan ends with one.
    """
    if not names:
        return ()
    steps = _STEP.findall(text[:_MAX_CHARS])
    if len(steps) < _MIN_STEPS:
        return ()
    plan = "\n".join(steps)
    named = (name for name in names - ENDINGS if name in plan)
    return tuple(sorted(name for name in named if _mention(name).search(plan)))


@lru_cache(maxsize=1_024)
def _mention(name: str) -> re.Pattern[str]:
    """How a text names this tool."""
    word = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
    if _ORDINARY.fullmatch(name):
        word = (
            rf"[`'\"*]{name}[`'\"*(]|\b{name}\(|\b{name} (?:tool|agent|function)\b|\b(?:tool|agent|function) {name}\b"
        )
    return re.compile(word)
