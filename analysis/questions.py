"""Tools as questions: which of them are asked for an answer, and which only act or wait.

Asking again what was answered brings nothing new; ordering again does. Names are believed first (`find_order`,
`web_search`); of other tools those count as asked that mostly answer different arguments differently.
"""

import re
from collections import defaultdict
from functools import lru_cache

from analysis.facts import FactWindow

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_WAITING = frozenset(("wait", "sleep", "pause", "delay"))
_ASKING = frozenset(
    [
        "search",
        "find",
        "lookup",
        "look",
        "read",
        "list",
        "get",
        "query",
        "fetch",
        "grep",
        "glob",
        "browse",
        "visit",
        "page",
        "retrieve",
        "inspect",
        "view",
        "show",
        "check",
        "describe",
        "open",
        "scan",
        "ls",
        "cat",
    ]
)
_FEWEST_QUESTIONS = 3
_TELLING_SHARE = 0.5


def is_waiting(tool: str) -> bool:
    """Whether a tool's name says that it only waits."""
    return not _WAITING.isdisjoint(_words(tool))


def asked_tools(window: FactWindow) -> frozenset[str]:
    """The tools whose answers tell something.

    By name, or because at least half of at least three different questions have answers of their own.
    """
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    for call in window.tool_calls:
        answers[call.tool].setdefault(call.arguments_like or call.arguments_hash, call.result_hash)
    return frozenset(tool for tool, own in answers.items() if not _ASKING.isdisjoint(_words(tool)) or _tells(own))


def _tells(answers: dict[str, str]) -> bool:
    told = {question: answer for question, answer in answers.items() if question and answer}
    return len(told) >= _FEWEST_QUESTIONS and len(set(told.values())) >= _TELLING_SHARE * len(told)


@lru_cache(maxsize=1_024)
def _words(tool: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(tool[:200]))
