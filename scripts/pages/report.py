"""docs/report.md: the JSON of a report, from its models."""

import re
import types
from collections.abc import Iterator
from inspect import getdoc
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from domain.report import Report
from pages.tables import cell, code, page, table

ABOUT = """\
A report is JSON first; Markdown, HTML, briefs, Slack blocks and spans are renderings of it.

| for | on the command line | from the API | file exporter |
| --- | --- | --- | --- |
| people | `halo report get ID` | `?format=markdown` | `<run>.md` |
| a browser | `halo report get ID --format html -o FILE` | `?format=html`, or `Accept: text/html` | `<run>.html` |
| a coding agent | `halo report get ID --brief` | `?format=brief` | |
| programs, `halo verify` | `halo report get ID --json` | `?format=json` | `<run>.json` |

The file exporter writes into `reports/<agent uuid>/`, the newest once more as `latest`. Of files:
`halo traces.jsonl -o report.html`, `halo traces.jsonl --brief`. `halo report schema` prints the JSON Schema.

The brief holds what is open, by impact: the symptom, up to three recorded examples, what the first of them was given,
where to look, what to change and how to see that it worked. Recorded text is quoted as JSON strings and declared data.

The HTML page is one file without scripts that asks nobody for anything; its policy allows its own style sheet and
nothing else. It is light or dark as the reader's system is, prints, and has a table beside each chart.

| | |
| --- | --- |
| ![The head of a report](images/report-light.png) | ![A finding of it](images/report-dark.png) |

The names are fixed by `schema_version` 1: later versions may add keys, never rename them. Times are ISO 8601 in UTC,
durations are seconds, rates are fractions of one. Every number in `coverage`, `timeline` and `waterfalls` and in a
finding's `counts`, `splits`, `waste`, `figures` and `trend`, and every quote in its `evidence`, can be recomputed:
`halo verify FILE`.

A report in mode `model` has an `inquiry`: what a model answered, its findings, and what it said and could not show
([the contract](contract.md)). Findings of the analysis, their order and their numbers are the same with it and without.
"""


def type_text(annotation: Any) -> str:
    """A type as JSON has it."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " / ".join(f"{value!r}".replace("'", '"') for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_text(each) for each in inner))
    if origin is tuple:
        return f"list of {type_text(inner[0])}"
    if origin is dict:
        return f"object of {type_text(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    names = {
        "str": "string",
        "int": "integer",
        "float": "number",
        "bool": "boolean",
        "NoneType": "null",
        "datetime": "time",
    }
    return names.get(getattr(annotation, "__name__", ""), str(annotation))


def models(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """A model, then those in it, each once."""
    if model in seen:
        return
    seen.add(model)
    yield model
    for field in model.model_fields.values():
        for inner in within(field.annotation):
            yield from models(inner, seen)


def within(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from within(inner)


def section(model: type[BaseModel]) -> str:
    """One object of a report."""
    rows = (
        (code(name), cell(type_text(field.annotation)), cell(field.description or ""))
        for name, field in model.model_fields.items()
    )
    about = re.sub(r"\s*\n\s*", " ", getdoc(model) or "")
    return f"## {model.__name__}\n\n{about}\n\n{table(('key', 'type', ''), rows)}"


def markdown() -> str:
    """The page."""
    return page("The report", ABOUT, *(section(model) for model in models(Report, set())))
