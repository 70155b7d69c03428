"""Traces in few words: every span that there is room for on a line, with the beginnings of what it was given and gave.

For a model that is to compare traces rather than read them. Room is shared fairly: what one trace does not need, the
others get, and within a trace every text is cut at the same length.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.content import SpanContent
from domain.content_messages import Message
from domain.normalising import NormalisedSpan, normalise
from domain.otlp import Span
from domain.spans import SpanKind, StoredSpan, StoredTrace
from engine.context.sharing import level

_MOST_TEXT_CHARS = 4_000
_NAME_CHARS = 80
_ERROR_CHARS = 300
_LEAST_TEXT_CHARS = 40
_CUT = " …"
_FRAME_CHARS = 10  # what stands around a text


@dataclass(frozen=True)
class SpanLine:
    """A span: what it is, and the beginnings of its texts by what they are (`in`, `out`)."""

    told: str
    failed: bool
    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Skeleton:
    """A trace in lines; the spans are in order of their start."""

    told: str
    spans: tuple[SpanLine, ...]

    def within(self, chars: int) -> str:
        """The trace in about so many characters: lines, then texts, those of failures before others."""
        kept = _fitting(self.spans, max(chars - len(self.told), 0) * 2 // 3)
        room = chars - len(self.told) - sum(len(self.spans[at].told) + 1 for at in kept)
        sizes = [len(text) + _FRAME_CHARS for at in kept for _, text in self.spans[at].texts]
        most = max(level(sizes, room) - _FRAME_CHARS, _LEAST_TEXT_CHARS)
        shown = {at: self.spans[at].told for at in kept}
        for at in kept:
            texts = _cut(self.spans[at], most)
            room -= len(texts)
            if room < 0:
                break
            shown[at] += texts
        left_out = len(self.spans) - len(kept)
        note = [f"({left_out} more spans left out)"] if left_out else []
        return "\n".join([self.told, *(shown[at] for at in sorted(kept)), *note])

    @property
    def whole_chars(self) -> int:
        """How many characters it takes to leave nothing out."""
        return len(self.told) + sum(
            len(line.told) + 2 + sum(len(text) + _FRAME_CHARS for _, text in line.texts) for line in self.spans
        )


def skeleton_of(trace: StoredTrace, trace_name: str, span_names: Sequence[str]) -> Skeleton:
    """A trace and its spans by the names that they are to be called by."""
    summary = trace.summary
    told = (
        f"trace {trace_name}: agent {summary.agent_name[:_NAME_CHARS]}, {summary.root_name[:_NAME_CHARS]}, "
        f"{summary.status.name}, {_seconds(summary.start_ns, summary.end_ns)}, {summary.span_count} spans, "
        f"{summary.leaf_errors} errors, {summary.input_tokens} + {summary.output_tokens} tokens"
    )
    names = {stored.span_id: name for stored, name in zip(trace.spans, span_names, strict=True)}
    return Skeleton(told, tuple(_line(stored, names) for stored in trace.spans))


def together(skeletons: Sequence[Skeleton], chars: int) -> str:
    """Traces side by side in about so many characters."""
    most = level([skeleton.whole_chars + 2 for skeleton in skeletons], chars)
    return "\n\n".join(skeleton.within(most) for skeleton in skeletons)


def _line(stored: StoredSpan, names: dict[str, str]) -> SpanLine:
    span = stored.span
    facts = normalise(span, stored.resource, stored.scope)
    parent = names.get(span.parent_span_id.hex(), "")
    parts = [
        f"- {names[stored.span_id]}",
        f"in {parent}" if parent else "",
        facts.kind.name if facts.kind is not SpanKind.UNKNOWN else "",
        span.name[:_NAME_CHARS],
        f"[{(facts.tool or facts.model or '')[:_NAME_CHARS]}]" if facts.tool or facts.model else "",
        _seconds(span.start_time_unix_nano, span.end_time_unix_nano),
        f"{facts.input_tokens} + {facts.output_tokens or 0} tokens" if facts.input_tokens is not None else "",
        f"ERROR {_head(facts.error.message)[:_ERROR_CHARS]}" if facts.error else "",
    ]
    texts = tuple((what, _head(text)) for what, text in _texts(span, facts) if text)
    return SpanLine(" ".join(filter(None, parts)), facts.error is not None, texts)


def _texts(span: Span, facts: NormalisedSpan) -> Iterable[tuple[str, str | None]]:
    content = SpanContent(span)
    if facts.kind is SpanKind.LLM:
        given = content.input_messages()
        yield "in", _said(given[-1:]) if given else content.input_value()
        yield "out", _said(content.output() or ())
    elif facts.kind is SpanKind.TOOL:
        arguments = content.arguments()
        yield "in", arguments and arguments.text
        yield "out", content.result()
    else:
        yield "in", content.input_value()
        yield "out", content.output_value()


def _said(messages: Iterable[Message]) -> str:
    texts = []
    for message in messages:
        texts += [message.text] if message.text else []
        texts += [f"calls {call.name} {call.arguments or ''}" for call in message.calls]
        texts += [result.text for result in message.results]
    return " ".join(texts)


def _head(text: str) -> str:
    return " ".join(text[:_MOST_TEXT_CHARS].split())


def _seconds(start_ns: int, end_ns: int) -> str:
    return f"{(end_ns - start_ns) / 1e9:.3f} s" if end_ns >= start_ns else "not ended"


def _fitting(spans: Sequence[SpanLine], chars: int) -> list[int]:
    """The places of the lines that fit: of failures, then of the others from the start."""
    kept: list[int] = []
    for at in sorted(range(len(spans)), key=lambda at: (not spans[at].failed, at)):
        chars -= len(spans[at].told) + 1
        if chars < 0 and kept:
            break
        kept.append(at)
    return kept


def _cut(line: SpanLine, most_chars: int) -> str:
    texts = ((what, text if len(text) <= most_chars else text[:most_chars] + _CUT) for what, text in line.texts)
    return "".join(f"\n  {what}: {text}" for what, text in texts)
