"""Tools that report an error in their result although their span says that all went well.

Counts: calls whose result reports an error (a JSON `error`, `isError` or `success: false`, an exit code, a traceback
or a line that begins with an error, within the first 400 characters) and whose status is no ERROR, by service, tool
and masked text; of all calls of the tool whose result is recorded. Rare texts of one class of a tool are told
together when there are several.
Excluded: tools whose name says that they read or search, for all but their own JSON answer; complaints that the
agent mended (other tools ran, then the same call succeeded: tests, compilers, linters). Errors that pass by
themselves, as of error_signatures, and such as surely make up less than 1 % of the calls have severity low.
Known false positives: programs that print the word error in front of a warning; probes that are expected to fail.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from analysis.detecting import Candidate, Detector, DetectorConfig, Measure
from analysis.error_classes import ErrorClass, classify
from analysis.facts import FactWindow, SpanFact
from analysis.groups import calls_of, with_issuers
from analysis.passing import severity_unless_passing
from analysis.phrases import fraction, quoted, rated, sentence
from analysis.soft_failures import SoftSignature, soft_classes, soft_lost, soft_signatures
from analysis.splitting import measured
from analysis.statistics import wilson
from analysis.tool_failures import repair_text
from domain.report import Scalar, Severity
from domain.spans import SpanKind, SpanStatus

_TITLE_CHARS = 60
_NEGLIGIBLE = 0.01


class Config(DetectorConfig):
    """Which soft errors are told one by one."""

    min_calls: int = Field(2, ge=1, description="Texts of fewer calls are told with others of their tool and class.")


def create(config: Config) -> Detector:
    """The detector."""
    return SoftErrors(config)


class SoftErrors(Detector):
    """Groups what results report."""

    name = "soft_errors"
    requires = ("tool", "tool_result")

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each text, and one for the rare texts of a class."""
        least = self._config.min_calls
        for (service, tool, category), members in window.once(soft_classes).items():
            rare = _rare(members, least)
            if len(rare) > 1:
                args: dict[str, Scalar] = {"service": service, "tool": tool, "category": category, "rarer_than": least}
                yield _rare_candidate(rare, args, self.measure(window, args))
            for signature in members:
                if len(rare) < 2 or signature not in rare:
                    args = {"service": service, "tool": tool, "text": signature[2]}
                    measure = self.measure(window, args)
                    yield _candidate(args, measure, _severity(window, measure))

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Calls with this text of all calls of the tool with a recorded result."""
        service, tool = str(args["service"]), str(args["tool"])
        if "category" in args:
            members = window.once(soft_classes).get((service, tool, str(args["category"])), {})
            found = [call for calls in _rare(members, int(str(args["rarer_than"]))).values() for call in calls]
        else:
            found = list(window.once(soft_signatures).get((service, tool, str(args["text"])), ()))
        of = [call for call in calls_of(window, tool, service) if _is_told(call)]
        return measured(of, found, with_issuers(window, found), ("argument_keys", "version"))


def _severity(window: FactWindow, measure: Measure) -> Severity:
    if wilson(len(measure.affected), measure.opportunities)[1] < _NEGLIGIBLE:
        return "low"
    return severity_unless_passing(measure, window.once(soft_lost), "medium")


def _is_told(call: SpanFact) -> bool:
    return call.result_chars is not None and call.status is not SpanStatus.ERROR


def _rare(
    members: Mapping[SoftSignature, Sequence[SpanFact]], rarer_than: int
) -> Mapping[SoftSignature, Sequence[SpanFact]]:
    return {signature: calls for signature, calls in members.items() if len(calls) < rarer_than}


def _candidate(args: Mapping[str, Scalar], measure: Measure, severity: Severity) -> Candidate:
    tool, text = str(args["tool"]), str(args["text"])
    found = classify(SpanKind.TOOL, "", text)
    return Candidate(
        detector="soft_errors",
        category=found.category,
        owner=found.owner,
        severity=severity,
        subject=tool,
        cause=f"in the result: {text}",
        args=args,
        title=f"{tool} reports {quoted(text, _TITLE_CHARS)} as a success in {fraction(measure, 'call')}",
        explanation=sentence(
            f"{rated(measure, 'call')}, of {tool} report {quoted(text)} in their result,",
            "while the status of the span says that all went well.",
        ),
        fix=_fix(tool, found, measure),
        exemplars=(),
        quote_fields=("result", "arguments"),
        precedence=39,
        family="soft_failure",
        service=str(args["service"]),
        confidence="medium",
        acceptance=f"results of {tool} that report this error < 1 % over ≥ 100 calls",
    )


def _rare_candidate(
    rare: Mapping[SoftSignature, Sequence[SpanFact]], args: Mapping[str, Scalar], measure: Measure
) -> Candidate:
    tool, category = str(args["tool"]), str(args["category"])
    found = classify(SpanKind.TOOL, "", min(rare)[2])
    what = f"{len(rare)} different errors of the class “{category.replace('_', ' ')}”"
    return Candidate(
        detector="soft_errors",
        category=category,
        owner=found.owner,
        severity="low",
        subject=tool,
        cause=f"rare errors in results: {category}",
        args=args,
        title=f"{tool} reports {what} as successes",
        explanation=sentence(
            f"{rated(measure, 'call')}, of {tool} report {what} in their result; each is rare for itself."
        ),
        fix=_fix(tool, found, measure),
        exemplars=(),
        quote_fields=("result", "arguments"),
        precedence=37,
        service=str(args["service"]),
        scattered=True,
        confidence="medium",
        acceptance=f"results of {tool} that report such errors < 1 % over ≥ 100 calls",
    )


def _fix(tool: str, found: ErrorClass, measure: Measure) -> str:
    return f"{repair_text(tool, found, measure)} Tool: set the span's status to ERROR when the result reports one."
