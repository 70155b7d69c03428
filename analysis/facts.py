"""The facts of a window: one flat row a span, everything that any count in a report rests on.

Facts are derived from a span's bytes by `analysis.extraction` and from nothing else; detectors and `halo
verify` read facts, never each other's results. They are what a report's evidence bundle freezes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar, cast

from domain.spans import SpanKind, SpanStatus

Answer = TypeVar("Answer")
_MOST_INDEXED = 300_000
"""Spans of a window up to which all that detectors ask of it is kept for the next detector."""


class RequestedCall(NamedTuple):
    """A tool call that an LLM span asked for."""

    call_id: str
    tool: str
    arguments_hash: str
    problem: str  # "" or why the arguments do not fit the declared schema, e.g. "unexpected: page"
    declared: bool | None  # None when the span declares no tools


class Verdict(NamedTuple):
    """What an evaluator said of a span, its trace or its session (`of`)."""

    name: str
    score: float | None
    label: str
    of: str


@dataclass(slots=True)
class SpanFact:
    """One span, normalised. Empty text and None mean: not recorded.

    Nothing changes a fact. It is not declared frozen only because a frozen dataclass is made field by field through
    a call each, and facts are made by the million.
    """

    trace_id: str
    span_id: str
    parent_id: str
    scope_id: str  # nearest AGENT ancestor or self; "" when the trace is the scope
    issuer_id: str  # the LLM span that asked for this action; "" when unknown
    service: str
    version: str
    agent: str
    name: str
    kind: SpanKind
    start_ns: int
    end_ns: int
    status: SpanStatus
    leaf_error: bool  # ERROR without an ERROR child
    error_type: str
    error_template: str
    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    leaf_llm: bool  # LLM without an LLM descendant: the only spans whose tokens are summed
    tool: str
    call_id: str
    arguments_hash: str  # of the canonical JSON
    argument_keys: str  # canonical JSON list of the top-level keys, e.g. '["",""]'; "" when not recorded
    arguments_problem: str  # as in RequestedCall, for a TOOL span whose tool is declared in its scope
    arguments_chars: int | None
    result_hash: str
    result_chars: int | None
    requested: tuple[RequestedCall, ...]
    declared_tools: tuple[str, ...] | None
    finish: str
    max_tokens: int | None
    output_chars: int | None  # text of an LLM's answer or an AGENT's output; None when content is not recorded
    plan_tools: tuple[str, ...]  # declared tools named in a numbered plan of an answer without calls
    parent_missing: bool
    answered_calls: tuple[str, ...]  # tool call ids that later messages of this span answer
    session: str = ""
    task: str = ""  # of a root: the task or intent it names, else a hash of what it was asked
    verdicts: tuple[Verdict, ...] = ()
    soft_error: str = ""  # masked text of an error that a TOOL span reports in its result though its status is no ERROR
    idle_arguments: str = ""  # canonical JSON list of the argument keys with an empty or default value; "" as above
    arguments_like: str = ""  # arguments_hash of the scope's earliest call of the tool with nearly the same arguments
    result_like: str = ""  # result_hash of the scope's earliest call of the tool with nearly the same result
    builds_on_previous: bool | None = None  # arguments hold a word of the result of the scope's call before; or unknown
    leaked_call: str = ""  # the declared tool whose call stands as text in an answer without calls
    phrases: tuple[str, ...] | None = None  # the lexicons that an LLM's answer matches, e.g. "refusal", "intent"
    prints_prose: bool = False  # the answer's code calls nothing but print on long literals
    messages: int | None = None  # messages that an LLM was given; None when not recorded
    kept_messages: int | None = None  # of them those, from the first, that the scope's LLM call before was given too
    changed_role: str = ""  # role of the first message that differs from the one the call before was given
    cached_tokens: int | None = None  # input tokens that a provider read from its cache
    cost_usd: float | None = None
    checked_words: int | None = None  # numbers and names in the last answer of a scope
    unfounded_words: int | None = None  # of them those that stand in no input and no tool result of the scope
    max_steps: int | None = None  # how many steps an AGENT may take, where it says so

    @property
    def duration_s(self) -> float:
        """Seconds from start to end; 0 for a span that has not ended or runs backwards."""
        return max(self.end_ns - self.start_ns, 0) / 1e9 if self.end_ns else 0.0

    @property
    def ref(self) -> tuple[str, str]:
        """(trace id, span id)."""
        return self.trace_id, self.span_id

    def __hash__(self) -> int:
        return hash((self.trace_id, self.span_id))


class Remembered(Generic[Answer]):
    """What is computed of single traces, of those that were asked about last: never a table as large as a window."""

    def __init__(self, compute: "Callable[[TraceFacts], Answer]", most_spans: int = 200_000) -> None:
        self._compute = compute
        self._most_spans = most_spans
        self._spans = 0
        self._known: dict[int, tuple[TraceFacts, Answer]] = {}

    def of(self, trace: "TraceFacts") -> Answer:
        """The answer for a trace, which is kept with it, so that its identity stays its own."""
        known = self._known.get(id(trace))
        if known is None:
            known = self._known[id(trace)] = trace, self._compute(trace)
            self._spans += len(trace.spans)
            while self._spans > self._most_spans and len(self._known) > 1:
                oldest, _ = self._known.pop(next(iter(self._known)))
                self._spans -= len(oldest.spans)
        return known[1]


@dataclass(frozen=True)
class TraceFacts:
    """One trace's facts by start time."""

    trace_id: str
    agent_uuid: str
    agent: str
    service: str
    complete: bool
    spans: Sequence[SpanFact]

    @property
    def by_id(self) -> Mapping[str, SpanFact]:
        """Spans by span id."""
        return _BY_ID.of(self)

    @cached_property
    def roots(self) -> tuple[SpanFact, ...]:
        """Spans without a parent."""
        return tuple(span for span in self.spans if not span.parent_id)


_BY_ID: Remembered[dict[str, SpanFact]] = Remembered(lambda trace: {span.span_id: span for span in trace.spans})


class SpansByRef(Mapping[tuple[str, str], SpanFact]):
    """The spans of a window by (trace id, span id), without a table as large as the window."""

    def __init__(self, traces: Iterable[TraceFacts]) -> None:
        self._traces = {trace.trace_id: trace for trace in traces}

    def __getitem__(self, ref: tuple[str, str]) -> SpanFact:
        return self._traces[ref[0]].by_id[ref[1]]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return (span.ref for trace in self._traces.values() for span in trace.spans)

    def __len__(self) -> int:
        return sum(len(trace.by_id) for trace in self._traces.values())


@dataclass(frozen=True)
class FactWindow:
    """All the facts that one report rests on."""

    traces: tuple[TraceFacts, ...] = field(default_factory=tuple)
    _answers: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    _small: set[Callable[..., Any]] = field(default_factory=set, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, traces: Iterable[TraceFacts]) -> "FactWindow":
        """A window of these traces."""
        return cls(tuple(traces))

    def once(self, compute: Callable[["FactWindow"], Answer], *, small: bool = False) -> Answer:
        """What `compute` answers for this window, computed at the first question only: detectors share indexes.

        `small` answers do not grow with the window.
        """
        if compute not in self._answers:
            self._answers[compute] = compute(self)
            if small:
                self._small.add(compute)
        return cast(Answer, self._answers[compute])

    def let_go(self) -> None:
        """Forget the answers if the window is so large that what one detector has asked for leaves others no room."""
        if self._size > _MOST_INDEXED:
            for compute in [each for each in self._answers if each not in self._small]:
                del self._answers[compute]
            for name in ("tool_calls", "llm_calls"):
                self.__dict__.pop(name, None)

    @cached_property
    def _size(self) -> int:
        return sum(len(trace.spans) for trace in self.traces)

    def spans(self) -> Iterator[SpanFact]:
        """Every span of the window."""
        for trace in self.traces:
            yield from trace.spans

    @cached_property
    def by_ref(self) -> "SpansByRef":
        """Spans by (trace id, span id)."""
        return SpansByRef(self.traces)

    @cached_property
    def tool_calls(self) -> tuple[SpanFact, ...]:
        """TOOL spans with a tool name."""
        return tuple(span for span in self.spans() if span.kind is SpanKind.TOOL and span.tool)

    @cached_property
    def llm_calls(self) -> tuple[SpanFact, ...]:
        """Leaf LLM spans."""
        return tuple(span for span in self.spans() if span.leaf_llm)
