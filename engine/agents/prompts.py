"""What agents are told before they begin: what the window is, how its tools are used, and how to end.

A prompt depends only on what holds for the whole run, so that it is the same in every request.
"""

from dataclasses import dataclass

_WINDOW = """\
You analyse the traces of a software agent: what it was asked, which models and tools it called, what came back, what
failed and what it cost. They lie in a window, a fixed set of traces that only your tools can read."""

_TOOLS = """\
How to work:
- Begin with get_dataset_overview and get_findings. Findings are what detectors counted without a model: take them as
  hypotheses, look at their evidence, explain them, and look for what they cannot see.
- Count before you tell: query_sql and run_code answer "how many" over the whole window. A few traces are examples,
  never a proportion.
- Go from coarse to fine: query_traces and group_spans, then view_trace, then search_trace or search_spans, then
  view_spans or search_span for whole values. Sizes come with every listing; a call that was answered as too large will
  be too large again, so narrow it.
- Ids are taken from results, never made up. Times, ids and numbers are quoted as they were shown.
- An error status is not the only failure: look for wrong or empty results, answers without ground, loops, retries,
  limits reached, and work that led nowhere. No error does not mean success.
- When a call is refused, its text says why. Do what it says; the same call fails in the same way.
- Make independent calls in one turn: they run side by side."""

_DELEGATION = """\
Subagents (call_subagent) each have {turns} turns, a conversation of their own and these tools; up to {parallel} work
side by side. Delegate what takes many turns to find out and little to tell. Give each all it needs to know."""

_REPOSITORY = """\
The code of the agent is at hand, read only: view_repo_tree, glob_files, grep_files, read_file, and the git tools where
they are offered. Look up what you suspect (prompts, tool schemas, limits, error texts) and cite it as path:line, as it
was shown. The history tells since when something is so. A fix is described, and shown as a short block of code."""

_ROOT = """\
You are the root agent. You have {turns} turns, each one answer of yours; plan for fewer. Text that you write beside
tool calls is read by people who follow the run: keep it short. The run ends when you call final_answer, and only
then."""

_SUBAGENT = """\
You are a subagent on level {depth} of {deepest}. You have {turns} turns. Answer the question you are given and nothing
else, in concise plain text: what you found, how often, the ids that show it, and what you could not find out. Your last
message is what is brought back."""


@dataclass(frozen=True)
class Briefing:
    """What holds for a run. `fence_rule` tells data from instructions, `contract` what a final answer has to be."""

    root_turns: int
    subagent_turns: int
    deepest: int
    parallel: int
    fence_rule: str
    contract: str = ""
    dataset_context: str | None = None
    repository: bool = False


def root_prompt(briefing: Briefing) -> str:
    """The system prompt of the root."""
    return _joined(_ROOT.format(turns=briefing.root_turns), briefing, 0, briefing.contract)


def subagent_prompt(briefing: Briefing, depth: int) -> str:
    """The system prompt of a subagent on a level, counted from 1."""
    told = _SUBAGENT.format(depth=depth, deepest=briefing.deepest, turns=briefing.subagent_turns)
    return _joined(told, briefing, depth, "")


def _joined(role: str, briefing: Briefing, depth: int, contract: str) -> str:
    delegation = _DELEGATION.format(turns=briefing.subagent_turns, parallel=briefing.parallel)
    context = f"What the people who ask know about the data:\n{briefing.dataset_context}"
    parts = [
        _WINDOW,
        role,
        _TOOLS,
        delegation if depth < briefing.deepest else "",
        _REPOSITORY if briefing.repository else "",
        briefing.fence_rule,
        contract,
        context if briefing.dataset_context else "",
    ]
    return "\n\n".join(part for part in parts if part)
