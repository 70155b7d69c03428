"""Where the model is: the OpenAI-compatible endpoint of a run.

The fields are independent of each other: what is None comes from the environment the `openai` client reads
(`OPENAI_BASE_URL`, `OPENAI_API_KEY`), so an endpoint can be configured and its key kept out of the file.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ModelProviderConfig(BaseModel):
    """The endpoint, its key, and headers every request carries."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    base_url: str | None = Field(default=None, description="URL up to and including `/v1`.")
    api_key: str | None = Field(default=None, repr=False, description="Bearer key; never printed.")
    default_headers: dict[str, str] | None = Field(
        default=None, repr=False, description="Headers sent with every request."
    )
    api: Literal["chat", "responses"] = Field(
        default="chat", description="Chat completions, which every compatible endpoint has, or the Responses API."
    )
    attempts: int = Field(default=6, ge=1, description="Requests made for one answer before a passing error counts.")
    request_timeout_s: float = Field(default=600.0, gt=0, description="Longest one request may take.")
