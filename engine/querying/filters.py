"""Which traces a tool is asked about: the filters of HALO engines under their names, and ours beside them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from engine.querying.moments import moment_ns
from engine.tooling import Arguments

KindName = Literal[
    "UNKNOWN",
    "LLM",
    "TOOL",
    "AGENT",
    "CHAIN",
    "RETRIEVER",
    "EMBEDDING",
    "RERANKER",
    "GUARDRAIL",
    "EVALUATOR",
    "PROMPT",
]
Pattern = Annotated[str, Field(min_length=1, max_length=1_000)]


def _checked(text: str) -> str:
    moment_ns(text)
    return text


Moment = Annotated[str, Field(max_length=40), AfterValidator(_checked)]
Names = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=20)]


def briefly(schema: dict[str, Any]) -> None:
    """Leave out of a schema what every field has in common: that it may be missing, and how long it may be.

    Several tools take the same filters, and a model is sent the schemas of all tools with every call.
    """
    for name, field in schema.get("properties", {}).items():
        said = {key: value for key, value in field.items() if key not in ("anyOf", "default", "title")}
        options = [option for option in field.get("anyOf", ()) if option.get("type") != "null"]
        said |= options[0] if len(options) == 1 else {}
        if isinstance(said.get("items"), dict):
            said["items"] = {key: value for key, value in said["items"].items() if key != "maxLength"}
        schema["properties"][name] = {
            key: value for key, value in said.items() if key not in ("maxItems", "maxLength", "minLength", "title")
        }


class TraceFilters(Arguments):
    """All that are given must hold. Lists: any of them. Those marked "reads spans" take seconds on large data."""

    model_config = ConfigDict(json_schema_extra=briefly)

    has_errors: bool | None = Field(
        default=None, description="Whether a span has status ERROR; false does not prove success."
    )
    model_names: Names | None = None
    service_names: Names | None = None
    agent_names: Names | None = None
    project_id: str | None = Field(default=None, max_length=500, description="inference.project_id; reads spans.")
    start_time_gte: Moment | None = Field(default=None, description="Begins at or after; ISO 8601, UTC by default.")
    end_time_lte: Moment | None = Field(default=None, description="Ends at or before.")
    regex_pattern: Pattern | None = Field(
        default=None, description="A span's JSON line (no blanks after : and ,) matches; reads spans."
    )
    text: Pattern | None = Field(
        default=None, description="A span's name, message or text values contain this exactly; reads spans."
    )
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None
    min_tokens: int | None = Field(default=None, description="Input and output together.")
    max_tokens: int | None = None
    min_cost_usd: float | None = Field(default=None, description="As its spans state it; reads spans.")
    max_cost_usd: float | None = None
    min_spans: int | None = None
    max_spans: int | None = None
    tools: Annotated[Names, Field(max_length=10)] | None = Field(default=None, description="A span calls one of them.")
    kinds: list[KindName] | None = Field(default=None, description="A span is of one of these kinds.")
    sessions: Annotated[Names, Field(max_length=10)] | None = None
    users: Annotated[Names, Field(max_length=10)] | None = Field(default=None, description="User ids; reads spans.")
    attributes: dict[str, str | int | float | bool] | None = Field(
        default=None, max_length=10, description="One span, or its resource, has all of these; reads spans."
    )
    errors: Annotated[Names, Field(max_length=5)] | None = Field(
        default=None, description="An error's masked text contains one of these, whatever the case."
    )
    versions: Annotated[Names, Field(max_length=10)] | None = Field(
        default=None, description="service.version; reads spans."
    )
    agents: Annotated[Names, Field(max_length=5)] | None = Field(
        default=None, description="Agents by UUID, or its beginning."
    )

    @property
    def reads_spans(self) -> bool:
        """Whether the index alone cannot say which traces are meant."""
        wanted = (self.project_id, self.regex_pattern, self.text, self.min_cost_usd, self.max_cost_usd)
        return any(each is not None for each in wanted) or bool(self.users or self.attributes or self.versions)


def _given(value: object) -> object:
    return {} if value is None else value


Filters = Annotated[TraceFilters, BeforeValidator(_given), Field(default_factory=TraceFilters)]
"""A tool's `filters`; none at all is the same as empty ones."""
