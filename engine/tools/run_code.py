"""Python over the run's traces, with the other tools and questions to a model as functions: a model that calls models.

State lives as long as the agent: a later call sees what an earlier one defined.
"""

import time
from typing import Any

from pydantic import ConfigDict, Field

from engine.sandbox.functions import functions
from engine.sandbox.limits import Ran, SandboxLimits
from engine.sandbox.session import Sandbox
from engine.sql import note_text
from engine.tooling import Arguments, ToolConfig, Work

_KEPT = "run_code"
_DESCRIPTION = """Run Python in a sandbox. Names stay defined from call to call. What is printed comes back, and the
value of the last expression. Use it to go over many traces, to combine what other tools answer, and to put a question
about each of many texts to a model.

Functions there, called plainly, without await:
  sql(statement) -> list of dicts: as query_sql, up to 10,000 rows
  ask(question, context="") -> str: what a model answers from a text; it sees nothing else, and costs budget
  ask_many([(question, context), ...]) -> list of str: the same, several at once; prefer it to ask in a loop
  findings(), get_dataset_overview, query_traces, count_traces, view_trace, view_spans, search_trace, search_span,
  search_spans, group_spans, compare_windows: as the tools of these names, arguments by name; they return its result

It is a subset of Python 3: functions, classes, comprehensions, f-strings, try, with and match work; yield, del and
async comprehensions do not. Importable: base64 bisect collections copy csv dataclasses datetime decimal functools
hashlib itertools json math random re time typing unicodedata. There are no files, no network and no other packages.
Call the functions above in loops and comprehensions, not inside key= or map().

Example:
import json
rows = sql("SELECT DISTINCT trace_id FROM spans WHERE status = 'ERROR' LIMIT 12")
texts = [json.dumps(view_trace(trace_id=row["trace_id"]))[:20000] for row in rows]
answers = ask_many([("Which step failed first, and why? One sentence.", text) for text in texts])
for row, answer in zip(rows, answers):
    print(row["trace_id"], answer)"""


class Config(ToolConfig):
    """What code may take."""

    max_answer_bytes: int = Field(default=200_000, ge=1_000, description="Most bytes of one answer, as JSON.")
    memory_bytes: int = Field(default=128 * 2**20, ge=2**24, description="Most memory of an agent's interpreter.")
    output_bytes: int = Field(default=64_000, ge=1_000, description="Most bytes of stdout, of stderr and of the value.")
    execution_s: float = Field(default=30.0, gt=0, description="Longest the code itself may run, in seconds.")
    wall_s: float = Field(default=120.0, gt=0, description="Longest it may take with all that it calls, in seconds.")
    timeout_s: float = Field(default=180.0, gt=0, description="Longest a call may take.")


class Given(Arguments):
    """Code; other arguments are ignored, since models trained on other sandboxes give them."""

    model_config = ConfigDict(extra="ignore")

    code: str = Field(min_length=1, max_length=200_000, description="Python source.")


def create(config: Config) -> "RunCode":
    """The tool."""
    return RunCode(config)


class RunCode:
    """Keeps one interpreter for each agent."""

    name = "run_code"
    description = _DESCRIPTION
    arguments = Given

    def __init__(self, config: Config) -> None:
        self.config: Config = config

    def offered(self, work: Work) -> bool:
        """Always."""
        return True

    async def answer(self, given: Given, work: Work) -> dict[str, Any]:
        """Exit code (0 or 1), what was printed, whether time ran out, and the last expression's value if any."""
        ran = await self._sandbox(work).run(given.code)
        answer = _answer(ran)
        await note_text(work, str(answer))
        return answer

    def _sandbox(self, work: Work) -> Sandbox:
        """The agent's interpreter, begun with its first code and ended with the agent."""
        kept = work.belongings.get(_KEPT)
        if isinstance(kept, Sandbox):
            return kept
        config = self.config
        limits = SandboxLimits(config.memory_bytes, config.output_bytes, config.execution_s, config.wall_s)
        sandbox = Sandbox(functions(work), limits, time.monotonic)
        work.kept.push_async_callback(sandbox.close)
        work.belongings[_KEPT] = sandbox
        return sandbox


def _answer(ran: Ran) -> dict[str, Any]:
    answer = {"exit_code": int(ran.failed), "stdout": ran.stdout, "stderr": ran.stderr, "timed_out": ran.timed_out}
    return answer if ran.value is None else {**answer, "value": ran.value}
