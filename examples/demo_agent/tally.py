"""The agent's own account of a run: what it did, and every fault at the moment it was committed."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """The ways in which this agent goes wrong."""

    UNUSABLE_TOOL = "unusable_tool"
    """A tool was called with arguments it does not take."""
    FLAKY_BACKEND = "flaky_backend"
    """The service behind a tool was down."""
    LOOP = "loop"
    """The same call, three times or more, with the same result."""
    TRUNCATED = "truncated"
    """The final answer was cut off by the token limit."""
    HALLUCINATED_TOOL = "hallucinated_tool"
    """A tool was called that does not exist."""


@dataclass
class FaultCount:
    """How often one fault was committed, with which tools, in which tickets."""

    failures: int = 0
    tools: set[str] = field(default_factory=set)
    tickets: set[str] = field(default_factory=set)
    retry_storms: int = 0
    """Times the same tool failed twice in a row or more often."""
    unrecovered: int = 0
    """Tickets in which the tool never worked again."""


@dataclass
class Tally:
    """Counts over all tickets of a run; tokens as the model's endpoint reported them."""

    traces: int = 0
    failed_traces: int = 0
    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tool_calls: Counter[str] = field(default_factory=Counter)
    failed_tool_calls: Counter[str] = field(default_factory=Counter)
    faults: dict[Fault, FaultCount] = field(default_factory=lambda: {fault: FaultCount() for fault in Fault})

    def commit(self, fault: Fault, ticket_id: str, tool: str | None = None, times: int = 1) -> None:
        """Write down that a fault was committed, once or several times, on a ticket."""
        count = self.faults[fault]
        count.failures += times
        count.tickets.add(ticket_id)
        if tool is not None:
            count.tools.add(tool)

    def as_json(self) -> dict[str, Any]:
        """The account as JSON values: totals, and under `faults` one object for each kind of fault.

        `calls` are the calls of the fault's tool, faulty or not; of a truncated answer, all model calls.
        `tool` is None where the fault has no tool, or was not committed.
        """
        return {
            "traces": self.traces,
            "failed_traces": self.failed_traces,
            "llm_calls": self.llm_calls,
            "tool_calls": self.tool_calls.total(),
            "failed_tool_calls": self.failed_tool_calls.total(),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "faults": {fault.value: self._fault_as_json(fault) for fault in Fault},
        }

    def _fault_as_json(self, fault: Fault) -> dict[str, Any]:
        count = self.faults[fault]
        calls = self.llm_calls if fault is Fault.TRUNCATED else sum(self.tool_calls[t] for t in count.tools)
        return {
            "tool": ", ".join(sorted(count.tools)) or None,
            "calls": calls,
            "failures": count.failures,
            "traces": len(count.tickets),
            "retry_storms": count.retry_storms,
            "unrecovered": count.unrecovered,
        }
