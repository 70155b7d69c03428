"""Ids as a model writes them, and whether it can know them: what no tool has shown it can only have guessed."""

from analysis.vouching import Ids, as_otlp
from domain.claims import SpanRef
from domain.spans import SPAN_ID_BYTES, TRACE_ID_BYTES
from engine.tooling import ShownIds

NEVER_SHOWN = "no tool has shown this id"


class KnownIds:
    """The ids that tools have shown in a run until now: as OTLP has them, or as the traces' files do."""

    def __init__(self, shown: ShownIds) -> None:
        self._spans = {(as_otlp(trace, TRACE_ID_BYTES), as_otlp(span, SPAN_ID_BYTES)) for trace, span in shown.spans}
        self._traces = {as_otlp(trace, TRACE_ID_BYTES) for trace in shown.traces} | {trace for trace, _ in self._spans}
        self._ids = Ids(self._traces, (span for _, span in self._spans))

    def trace(self, said: str) -> str | None:
        """The OTLP id of a trace that a model names; None when it was never shown."""
        trace_id = as_otlp(said, TRACE_ID_BYTES)
        return trace_id if trace_id in self._traces else None

    def span(self, trace_id: str, span_id: str) -> SpanRef | None:
        """The span that a model names; None when it was never shown."""
        ref = as_otlp(trace_id, TRACE_ID_BYTES), as_otlp(span_id, SPAN_ID_BYTES)
        return SpanRef(trace_id=ref[0], span_id=ref[1]) if ref in self._spans else None

    def has(self, said: str) -> bool:
        """Whether a text is an id that was shown, or the first eight or more characters of one."""
        return self._ids.has(said)
