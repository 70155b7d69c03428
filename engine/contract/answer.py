"""A final answer as a model writes it, read forgivingly: what matters is checked later, whatever it looks like.

Models leave keys out, rename them, write numbers as text and lists as objects. None of this is worth a turn.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

MOST_FINDINGS = 30
MOST_CLAIMS = 200
_NAMES = ("id", "key", "name")


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _items(value: Any) -> list[Any]:
    """A list; one thing alone is a list of it, an object one of its values."""
    if value in (None, "", {}, []):
        return []
    if isinstance(value, Mapping) and not _is_entry(value):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]


def _is_entry(value: Mapping[str, Any]) -> bool:
    return not all(isinstance(each, Mapping) for each in value.values())


def _texts(value: Any) -> list[str]:
    return [_text(each).strip().strip("{}") for each in _items(value)]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [dict(each) for each in _items(value) if isinstance(each, Mapping)]


def _named(value: Any) -> dict[str, Any]:
    """Claims by id; those of a list bear theirs, or are numbered c1, c2 …"""
    if isinstance(value, Mapping) and not isinstance(value.get("type", value.get("query")), str):
        return {str(key).strip("{} "): each for key, each in value.items()}
    found: dict[str, Any] = {}
    for number, each in enumerate(_items(value), 1):
        name = next((each[key] for key in _NAMES if each.get(key)), "") if isinstance(each, Mapping) else ""
        found[_text(name).strip("{} ") or f"c{number}"] = each
    return found


Text = Annotated[str, BeforeValidator(_text)]


class SaidFinding(BaseModel):
    """A finding as a model says it. `measure` and `quotes` are what it rests on, beside the claims that it names."""

    model_config = ConfigDict(extra="ignore")

    title: Text = Field(default="", validation_alias=AliasChoices("title", "name", "headline"))
    category: Text = ""
    owner: Text = ""
    severity: Text = ""
    confidence: Text = ""
    explanation: Text = Field(default="", validation_alias=AliasChoices("explanation", "description", "why", "cause"))
    fix: Text = Field(default="", validation_alias=AliasChoices("fix", "recommendation", "remedy"))
    measure: Any = None
    quotes: Annotated[list[dict[str, Any]], BeforeValidator(_objects)] = Field(
        default_factory=list, validation_alias=AliasChoices("quotes", "evidence")
    )
    claims: Annotated[list[str], BeforeValidator(_texts)] = Field(
        default_factory=list, validation_alias=AliasChoices("claims", "claim_ids")
    )
    about: Text = Field(default="", validation_alias=AliasChoices("about", "fingerprint"))


class FinalAnswer(BaseModel):
    """What a model ends with. Numbers in its texts are references such as {c1} or {c2.rate}; `claims` are by id."""

    model_config = ConfigDict(extra="ignore")

    answer: Text = Field(validation_alias=AliasChoices("answer", "answer_md", "report", "text"))
    findings: Annotated[list[SaidFinding], BeforeValidator(_objects)] = Field(default_factory=list)
    claims: Annotated[dict[str, Any], BeforeValidator(_named)] = Field(default_factory=dict)


def read_answer(answer: str, findings: Any = None, claims: Any = None) -> FinalAnswer:
    """A final answer of a tool call's arguments; what is too many is left out. Raises nothing."""
    return FinalAnswer(
        answer=answer, findings=_objects(findings)[:MOST_FINDINGS], claims=dict([*_named(claims).items()][:MOST_CLAIMS])
    )
