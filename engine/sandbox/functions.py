"""What code in the sandbox can call: the agent's own tools, SQL with more rows, and questions to a model.

All of it goes through what the agent's tools may use, so that nothing is reached from code that a tool call could not
reach, and every question is paid by the run's budget.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from domain.sql import SqlLimits
from engine.sandbox.session import HostFunction
from engine.sql import answered
from engine.tooling import ToolError, Work

TOOLS: Mapping[str, tuple[str, ...]] = {
    "get_dataset_overview": ("filters",),
    "query_traces": ("filters", "limit", "offset"),
    "count_traces": ("filters",),
    "view_trace": ("trace_id",),
    "view_spans": ("trace_id", "span_ids"),
    "search_trace": ("trace_id", "regex_pattern"),
    "search_span": ("trace_id", "span_id", "regex_pattern"),
    "search_spans": ("regex_pattern",),
    "group_spans": ("by",),
    "compare_windows": (),
    "get_findings": (),
    "query_sql": ("sql", "limit"),
    "synthesize_traces": ("trace_ids", "focus"),
}
"""The tools that are functions, and their arguments by position; all others are given by name."""
SQL_LIMITS = SqlLimits(rows=10_000, size_bytes=4_000_000, seconds=10.0)
MOST_QUESTIONS = 500
MOST_CONTEXT_CHARS = 400_000
_AT_ONCE = 8


def functions(work: Work) -> dict[str, HostFunction]:
    """The functions of one agent, by name."""
    found: dict[str, HostFunction] = {name: partial(_tool, work, name) for name in TOOLS}
    own = {"findings": _findings, "sql": _sql, "ask": _ask, "ask_many": _ask_many}
    return found | {name: partial(function, work) for name, function in own.items()}


async def _tool(work: Work, name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """A call of a tool of the same agent, with arguments by position or by name."""
    return await work.call(name, _bound(TOOLS[name], args, named))


async def _findings(work: Work, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """`findings()`: what is known without a model."""
    return await work.call("get_findings", _bound((), args, named))


async def _sql(work: Work, args: tuple[Any, ...], named: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`sql(statement)`: rows as dicts; what does not fit is an error, since code would count what it has."""
    given = _bound(("statement",), args, named)
    answer = await answered(work, _text(given, "statement"), SQL_LIMITS)
    if answer.cut:
        raise ToolError(f"sql: the answer does not fit: {answer.cut}")
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


async def _ask(work: Work, args: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """`ask(question, context="")`: what a model says of a text."""
    given = _bound(("question", "context"), args, named)
    return await work.ask("ask", _text(given, "question"), _text({"context": "", **given}, "context"))


async def _ask_many(work: Work, args: tuple[Any, ...], named: Mapping[str, Any]) -> list[str]:
    """`ask_many([(question, context), …])`: answers in order, several asked at once.

    One that fails is an answer that says so; all failing is an error.
    """
    pairs = _pairs(_bound(("questions",), args, named).get("questions"))
    room = asyncio.Semaphore(_AT_ONCE)
    failures: list[str] = []

    async def asked(question: str, context: str) -> str:
        async with room:
            try:
                return await work.ask("ask", question, context)
            except ToolError as error:
                failures.append(str(error))
                return f"(no answer: {error})"

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asked(*pair)) for pair in pairs]
    if pairs and len(failures) == len(pairs):
        raise ToolError(failures[0])
    return [task.result() for task in tasks]


def _pairs(questions: Any) -> list[tuple[str, str]]:
    if not isinstance(questions, Sequence) or isinstance(questions, str) or len(questions) > MOST_QUESTIONS:
        raise TypeError(f"takes a list of (question, context) pairs, at most {MOST_QUESTIONS}")
    pairs: list[tuple[str, str]] = []
    for each in questions:
        both = (each, "") if isinstance(each, str) else tuple(each) if isinstance(each, Iterable) else ()
        given = dict(zip(("question", "context"), both, strict=False))
        pairs.append((_text(given, "question"), _text({"context": "", **given}, "context")))
    return pairs


def _bound(names: Sequence[str], args: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name; one dict in place of them all is taken for what it holds."""
    if len(args) == 1 and isinstance(args[0], dict) and not named and names[:1] != ("filters",):
        return {str(key): value for key, value in args[0].items()}
    if len(args) > len(names):
        takes = f"takes {', '.join(names)} by position" if names else "takes arguments by name only"
        raise TypeError(f"{takes}; give the others by name")
    by_position = dict(zip(names, args, strict=False))
    if twice := by_position.keys() & named.keys():
        raise TypeError(f"got {sorted(twice)[0]} twice")
    return by_position | dict(named)


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text; put other values into it with str() or json.dumps()")
    if len(value) > MOST_CONTEXT_CHARS:
        raise ValueError(
            f"{name} has {len(value):,} characters; at most {MOST_CONTEXT_CHARS:,} can be asked about at once"
        )
    return value
