"""Named queries over facts: what claims and findings may ask, and what they are answered.

Every detector's query is one. `spans` is another: how many spans fit a description, for claims about anything that
no detector counts.
"""

from collections.abc import Callable, Iterator, Mapping

from analysis.counting import expected
from analysis.detecting import Detector, Measure
from analysis.facts import FactWindow, SpanFact
from analysis.groups import refs, trace_count
from analysis.looking import detector_for
from domain.claims import Scalar
from domain.spans import SpanKind, SpanStatus

SPANS = "spans"
_READ: Mapping[str, Callable[[SpanFact], Scalar]] = {
    "kind": lambda span: span.kind.name,
    "status": lambda span: span.status.name,
    "service": lambda span: span.service,
    "version": lambda span: span.version,
    "agent": lambda span: span.agent,
    "model": lambda span: span.model,
    "provider": lambda span: span.provider,
    "tool": lambda span: span.tool,
    "name": lambda span: span.name,
    "error_type": lambda span: span.error_type,
    "error_template": lambda span: span.error_template,
    "finish": lambda span: span.finish,
    "leaf_error": lambda span: span.leaf_error,
    "leaf_llm": lambda span: span.leaf_llm,
    "trace_id": lambda span: span.trace_id,
    "scope_id": lambda span: span.scope_id,
    "arguments_hash": lambda span: span.arguments_hash,
}
DESCRIBABLE = tuple(_READ)
"""The arguments that `spans` knows; a span fits when it agrees with all that are given."""


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "kind": tuple(kind.name for kind in SpanKind),
    "status": tuple(status.name for status in SpanStatus),
}
_FLAGS = ("leaf_error", "leaf_llm")


def described_by(window: FactWindow, name: str, value: Scalar) -> Scalar | None:
    """The value as spans have it: a choice in whatever case it was written; None when no span has it.

    ValueError: the argument does not exist, or has other choices. A name that nothing bears would count to zero, and
    zero would read as an observation.
    """
    if name not in _READ:
        raise ValueError(f"spans are not described by {name!r}; use {', '.join(DESCRIBABLE)}")
    if name in _CHOICES:
        chosen = str(value).upper()
        if chosen not in _CHOICES[name]:
            raise ValueError(f"{name} is one of {', '.join(_CHOICES[name])}")
        return chosen
    if name in _FLAGS:
        if str(value).lower() not in ("true", "false"):
            raise ValueError(f"{name} is true or false")
        return str(value).lower() == "true"
    read = _READ[name]
    return value if any(read(span) == value for span in window.spans()) else None


def ask(
    window: FactWindow, detectors: Mapping[str, Detector], query: str, args: Mapping[str, Scalar]
) -> Mapping[str, Scalar]:
    """What a named query answers; LookupError when there is none of that name, ValueError for wrong arguments."""
    try:
        return expected(window, measured(window, detectors, query, args))
    finally:
        window.let_go()


def measured(window: FactWindow, detectors: Mapping[str, Detector], query: str, args: Mapping[str, Scalar]) -> Measure:
    """The spans that a named query counts; errors as those of `ask`."""
    if query == SPANS:
        return _described(window, args)
    detector = detector_for(detectors, query)
    if detector is None:
        raise LookupError(f"there is no query {query!r}")
    try:
        return detector.measure(window, args)
    except Exception as error:
        raise ValueError(f"{query} cannot take these arguments ({type(error).__name__})") from error


def _described(window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
    """The spans that fit a description, of all spans; what they waste is not asked."""
    unknown = [name for name in args if name not in _READ]
    if unknown:
        raise ValueError(f"spans are not described by {unknown[0]!r}; use {', '.join(DESCRIBABLE)}")
    fitting = [span for span in _candidates(window, args) if all(_READ[name](span) == args[name] for name in args)]
    total = sum(len(trace.spans) for trace in window.traces)
    return Measure(refs(fitting), total, trace_count(window.spans()), frozenset())


def _candidates(window: FactWindow, args: Mapping[str, Scalar]) -> Iterator[SpanFact]:
    """The spans of the named trace, or all."""
    wanted = args.get("trace_id")
    for trace in window.traces:
        if wanted is None or trace.trace_id == wanted:
            yield from trace.spans
