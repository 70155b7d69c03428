"""What a model answered: the facts of an LLM span's answer and of the history it was given."""

from collections.abc import Iterable, Iterator
from typing import Any

from analysis.arguments import argument_facts
from analysis.facts import RequestedCall
from analysis.leaks import leaked_call
from analysis.lexicons import REFUSAL, phrases_in
from analysis.plans import planned_tools
from analysis.prose import prints_prose
from analysis.reading import Reading, Tools
from domain.content import REDACTED
from domain.content_arguments import RecordedArguments
from domain.content_messages import Message

_NO_TOOLS: Tools = {}
_FILTERED = "content_filter"


def answer_facts(reading: Reading, tools: Tools) -> dict[str, Any]:
    """The fields of `SpanFact` that the answer of an LLM span fills; `tools` are those of its scope."""
    content, output = reading.content, reading.output
    finish = content.finish_reason(output or ())
    found: dict[str, Any] = {
        "finish": finish,
        "max_tokens": content.max_tokens(),
        "requested": tuple(_requested(reading, tools)),
        "cached_tokens": reading.measures.cached_tokens,
    }
    if output is None or any(message.text == REDACTED for message in output):
        return found
    text = output[0].text if len(output) == 1 else "\n".join(message.text for message in output)
    found["phrases"] = _phrases(text, finish, output)
    if text and not any(message.calls for message in output):
        found["plan_tools"] = planned_tools(text, tools.keys()) if tools else ()
        found["leaked_call"] = leaked_call(text, tools.keys())
    if text:
        found["prints_prose"] = prints_prose(text)
    return found


def _phrases(text: str, finish: str, output: Iterable[Message]) -> tuple[str, ...]:
    """The lexicons that the answer matches; a provider that filters or a part that refuses is a refusal too."""
    matched = phrases_in(text) if text else ()
    if REFUSAL in matched or (finish != _FILTERED and not any(message.refuses for message in output)):
        return matched
    return tuple(sorted((*matched, REFUSAL)))


def _requested(reading: Reading, tools: Tools) -> Iterator[RequestedCall]:
    """The calls of an LLM span; a tool counts as declared when any span of the scope declares it."""
    own = reading.tools
    for message in reading.output or ():
        for call in message.calls:
            tool = (own or _NO_TOOLS).get(call.name)
            tool = tools.get(call.name) if tool is None or not tool.digest else tool
            arguments = None if call.arguments is None else RecordedArguments(call.arguments)
            facts = argument_facts(arguments, tool)
            declared = None if own is None else tool is not None
            yield RequestedCall(call.call_id, call.name, facts.hash, facts.problem, declared)
