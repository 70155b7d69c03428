"""docs/dialects.md: which attributes are read, from the one table."""

from collections.abc import Iterator

from domain.dialects import DETAILS, FIELDS, NO_SIGN_OF_AN_LLM, TABLE
from domain.dialects_kinds import KINDS, SIGNS
from pages.tables import cell, code, page, table

ABOUT = """\
Agents describe the same work in different semantic conventions. A sidecar reads all of these, and whatever a span
speaks it comes out as one record: `halo span get` shows it under *Normalised*, the API
(`GET /api/v1/traces/{trace}/spans/{span}`) as `normalised`. The attributes themselves are always kept as they came.

- Of several keys that hold something, the first in the lists below counts. The order of attributes on a span, and
  attributes that no list names, change nothing.
- Numbers may be integers, doubles or decimal text; what is JSON text in one SDK may be a structured value in another.
  A value that cannot be read counts as absent.
- Cached and reasoning tokens are shown as the emitter counted them and never added to input or output.
- Sums of tokens are those of leaf LLM spans: an agent's span, and the outer operation of an SDK, repeat them.
- An agent is grouped by its name or id on the outermost AGENT span, else by `service.name`.
- A span is in error when its status says so, or when its status is not set and Langfuse's level is `ERROR`. The reason
  is the status message, else Langfuse's status message, the last exception event, `error.message`, `error.type`.
- Evaluations are read from span events and log records `gen_ai.evaluation.result`, and from OpenInference's
  `evaluations.<n>.evaluation.*`, also under `trace.` and `session.`.
"""
KINDS_ABOUT = """\
The first key whose word is known tells the kind; case does not matter. A word that says nothing, such as `span`, lets
the next key answer. Without an answer a key in the second table decides, then the name of a tool (TOOL), then a model
(LLM, unless a kind was told that is not known). The name of an instrumentation decides nothing.
"""
MEANINGS = {
    "agent_id": "the agent's id",
    "agent_name": "the agent's name",
    "entity": "names a TOOL or AGENT span that has no plain name",
    "group": "names an AGENT span that has no other name",
    "session": "the conversation",
    "user": "who the agent works for",
    "task": "the task or intent that the agent was given",
    "max_steps": "how many steps an AGENT span may take",
    "provider": "who serves the model",
    "model": "the model that answered, else the one asked for",
    "request_model": "the model asked for",
    "response_model": "the model that answered",
    "input_tokens": "tokens read, in most dialects with the cached ones",
    "output_tokens": "tokens written, with those of reasoning",
    "total_tokens": "both; their sum when neither key nor JSON says it",
    "cache_read_tokens": "input tokens that came from a cache",
    "cache_write_tokens": "input tokens that went into a cache",
    "reasoning_tokens": "output tokens that were thought, not said",
    "cost_usd": "what the call cost, as the emitter priced it",
    "tool": "the tool's name",
    "tool_call_id": "the call, as the model's request has it",
    "level": "`ERROR` on a span without a status is an error",
    "handoff_from": "the agent that hands over; OpenInference: `input.value` of a TOOL span `handoff to X`",
    "handoff_to": "the agent that takes over; OpenInference: `output.value` or the name of that span",
}


def fields() -> str:
    """Every field with its keys, best first; of JSON the place inside."""
    rows = []
    for field, keys in FIELDS.items():
        weak = {key: f"{code(key)}*" for key in keys if field == "model" and key in NO_SIGN_OF_AN_LLM}
        inside = [f"{code(key)} → {code(path)}" for key, path in _inside(field)]
        rows.append((code(field), MEANINGS[field], "<br>".join([*(weak.get(key, code(key)) for key in keys), *inside])))
    note = (
        "\\* A model under this key alone does not make a span an LLM span. `*` inside JSON is the sum of all numbers."
    )
    return f"{table(('field', 'what it is', 'keys, best first'), rows)}\n\n{note}"


def _inside(field: str) -> Iterator[tuple[str, str]]:
    for key, (_, paths) in DETAILS.items():
        for path in paths.get(field, ()):
            yield key, path


def kinds() -> str:
    """The keys that tell kinds, best first, and the signs."""
    told = []
    for key, of_key in KINDS.items():
        by_kind: dict[str, list[str]] = {}
        for word, kind in of_key.words.items():
            by_kind.setdefault(kind.name, []).append(code(word))
        words = "; ".join(f"{kind}: {', '.join(found)}" for kind, found in by_kind.items())
        told.append((code(key), of_key.dialect, cell(words)))
    signs = [(code(key), dialect, kind.name) for key, (dialect, kind) in SIGNS.items()]
    return "\n\n".join(
        (table(("key", "dialect", "its words"), told), table(("key that is there", "dialect", "kind"), signs))
    )


def by_dialect() -> str:
    """The same table, dialect by dialect."""
    found: dict[str, dict[str, list[str]]] = {}
    for key, told in KINDS.items():
        found.setdefault(told.dialect, {}).setdefault("kind", []).append(code(key))
    for field, keys in TABLE.items():
        for key, dialect in keys.items():
            found.setdefault(dialect, {}).setdefault(field, []).append(code(key))
    for key, (dialect, paths) in DETAILS.items():
        for field in paths:
            found.setdefault(dialect, {}).setdefault(field, []).append(code(key))
    rows = [
        (dialect, "<br>".join(f"{field}: {', '.join(keys)}" for field, keys in of_dialect.items()))
        for dialect, of_dialect in sorted(found.items(), key=lambda item: item[0].casefold())
    ]
    return table(("dialect", "field: its keys"), rows)


def markdown() -> str:
    """The page."""
    return page(
        "Dialects", ABOUT, "## Kinds", KINDS_ABOUT, kinds(), "## Fields", fields(), "## By dialect", by_dialect()
    )
