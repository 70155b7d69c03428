"""Spans read one by one: the index row, and the content that the span's kind may have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.primitives import Node
from domain.content import REDACTED, SpanContent
from domain.content_measures import Measures
from domain.content_messages import Message
from domain.content_tools import DeclaredTool
from domain.semconv import ResourceIndex, resource_index, span_index
from domain.spans import SpanIndex, SpanKind, StoredSpan

Tools = Mapping[str, DeclaredTool]


@dataclass(slots=True)
class Reading:
    """One span read alone; None where its kind has no such content, or where it was not recorded."""

    stored: StoredSpan
    span_id: str
    parent_id: str
    version: str
    index: SpanIndex
    content: SpanContent
    measures: Measures
    llm: SpanContent | None = None
    tool: SpanContent | None = None
    agent: SpanContent | None = None
    output: tuple[Message, ...] | None = None  # of an LLM
    tools: Tools | None = None  # of an LLM or AGENT
    call_id: str = ""  # of a TOOL

    @property
    def named_agent(self) -> str:
        """The agent that the span itself names."""
        return self.index.agent_name or self.index.agent_id or ""

    def node(self) -> Node:
        """What the primitives need."""
        index = self.index
        requested = tuple(call.call_id for message in self.output or () for call in message.calls)
        return Node(
            self.span_id,
            self.parent_id,
            index.kind,
            index.status,
            index.start_ns,
            index.end_ns,
            self.call_id,
            requested,
        )

    def output_chars(self) -> int | None:
        """The length of an LLM's answer or an AGENT's output; None when not recorded or hidden.

        A part that is no text (an image, say) counts as one character: the answer is not empty.
        """
        if self.agent is not None:
            text = self.agent.output_value()
            return None if text is None else len(text) if text != "null" else 0
        if self.output is None or any(message.text == REDACTED for message in self.output):
            return None
        return sum(len(message.text) + message.other_parts for message in self.output)


def read_spans(spans: Sequence[StoredSpan]) -> list[Reading]:
    """Every span of a trace, read alone; a resource that spans share is read once."""
    resources: dict[int, ResourceIndex] = {}
    readings = []
    for stored in spans:
        resource = resources.get(id(stored.resource))
        if resource is None:
            resource = resources[id(stored.resource)] = resource_index(stored.resource)
        readings.append(_read(stored, resource))
    return readings


def _read(stored: StoredSpan, resource: ResourceIndex) -> Reading:
    span = stored.span
    index, content = span_index(span, resource, len(stored.raw)), SpanContent(span)
    parent_id = index.parent_id.hex()
    reading = Reading(stored, stored.span_id, parent_id, resource.version, index, content, content.measures())
    if index.kind is SpanKind.TOOL:
        reading.tool = content
        reading.call_id = content.call_id()
    elif index.kind is SpanKind.LLM:
        reading.llm = content
        reading.output = content.output()
        reading.tools = content.declared_tools()
    elif index.kind is SpanKind.AGENT:
        reading.agent = content
        reading.tools = content.declared_tools()
    return reading
