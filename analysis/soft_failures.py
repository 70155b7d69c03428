"""Calls that report an error in their result, by what they say; the status of their span says that all went well."""

from collections.abc import Mapping, Sequence, Set

from analysis.detecting import SpanRef
from analysis.error_classes import classify
from analysis.facts import FactWindow, SpanFact
from analysis.groups import tool_sequences
from domain.spans import SpanKind, SpanStatus

SoftSignature = tuple[str, str, str]
"""(service, tool, masked text)."""
SoftClass = tuple[str, str, str]
"""(service, tool, category of the error)."""


def soft_signatures(window: FactWindow) -> Mapping[SoftSignature, Sequence[SpanFact]]:
    """Soft errors by signature, in the order they first occur, without those that the agent mended.

    Mended is a complaint after which other tools ran, and then the same call succeeded: a test, a compiler or a
    linter that did its work.
    """
    found: dict[SoftSignature, list[SpanFact]] = {}
    for sequence in window.once(tool_sequences).values():
        for at, call in enumerate(sequence):
            if is_soft(call) and not _is_mended(sequence, at):
                found.setdefault((call.service, call.tool, call.soft_error), []).append(call)
    return found


def soft_classes(window: FactWindow) -> Mapping[SoftClass, Mapping[SoftSignature, Sequence[SpanFact]]]:
    """The same by service, tool and class of error."""
    found: dict[SoftClass, dict[SoftSignature, Sequence[SpanFact]]] = {}
    for signature, calls in window.once(soft_signatures).items():
        service, tool, text = signature
        found.setdefault((service, tool, classify(SpanKind.TOOL, "", text).category), {})[signature] = calls
    return found


def soft_lost(window: FactWindow) -> Set[SpanRef]:
    """Soft errors after which the tool never succeeded in their scope."""
    lost: set[SpanRef] = set()
    for sequence in window.once(tool_sequences).values():
        succeeded: set[str] = set()
        for call in reversed(sequence):
            if is_soft(call) and call.tool not in succeeded:
                lost.add(call.ref)
            if is_success(call):
                succeeded.add(call.tool)
    return lost


def is_soft(call: SpanFact) -> bool:
    """Whether a call reports an error although its status is no ERROR."""
    return bool(call.soft_error) and call.status is not SpanStatus.ERROR


def is_success(call: SpanFact) -> bool:
    """Whether a call neither failed nor reports an error."""
    return call.status is not SpanStatus.ERROR and not call.soft_error


def _is_mended(sequence: Sequence[SpanFact], at: int) -> bool:
    """Whether the same call succeeds later, after a call of another tool."""
    call, others = sequence[at], False
    for later in sequence[at + 1 :]:
        if later.tool != call.tool:
            others = True
        elif others and later.arguments_hash == call.arguments_hash and is_success(later):
            return True
    return False
