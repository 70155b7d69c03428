"""Which web pages may send: cross-origin rules for exporters in browsers.

The answers are those of the Collector, so that its settings mean the same here.
Sources: https://fetch.spec.whatwg.org/#http-cors-protocol; the confighttp documentation of the OpenTelemetry Collector.
"""

import re
from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field, field_validator

from domain.component import ComponentConfig
from domain.quantities import Duration

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_ALWAYS_ALLOWED = ("accept", "content-type", "x-requested-with")


class CorsConfig(ComponentConfig):
    """The origins whose pages may send, and what they may set."""

    allowed_origins: tuple[str, ...] = Field(
        min_length=1,
        description="Origins such as https://app.example.com; * stands for any text, alone for any origin.",
    )
    allowed_headers: tuple[str, ...] = Field(
        default=(),
        description="Request headers allowed besides Accept, Content-Type and X-Requested-With; * for any.",
    )
    max_age: Duration | None = Field(
        default=None,
        ge=timedelta(0),
        description="How long a browser may remember the answer; its own choice if not set.",
    )

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if origin != "*" and ("://" not in origin or origin.count("/") > 2):
                raise ValueError(f"{origin!r} is no origin; write scheme://host[:port] without a path, or *")
        return origins


class Cors:
    """Makes the headers that tell a browser what is allowed."""

    def __init__(self, config: CorsConfig) -> None:
        self._is_open = "*" in config.allowed_origins
        patterns = (re.escape(origin.lower()).replace(r"\*", "[!-~]*") for origin in config.allowed_origins)
        self._origins = re.compile("|".join(patterns))
        self._headers = {name.lower() for name in config.allowed_headers}.union(_ALWAYS_ALLOWED)
        self._max_age = config.max_age

    def preflight(self, headers: Mapping[str, str]) -> dict[str, str] | None:
        """Headers of the 204 that answers a browser's question; None when the request is no such question.

        What is not allowed is answered without Access-Control-Allow-Origin, which the browser takes for a no.
        """
        origin, asked = headers.get("Origin"), headers.get("Access-Control-Request-Headers", "")
        if origin is None or "Access-Control-Request-Method" not in headers:
            return None
        answer = {"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
        wanted = {name.strip().lower() for name in asked.split(",") if name.strip()}
        is_allowed = all(map(_TOKEN.fullmatch, wanted)) if "*" in self._headers else wanted <= self._headers
        if not (self._allows(origin) and is_allowed and headers["Access-Control-Request-Method"] == "POST"):
            return answer
        answer |= self._permission(origin) | {"Access-Control-Allow-Methods": "POST"}
        if wanted:
            answer["Access-Control-Allow-Headers"] = ", ".join(sorted(wanted))
        if self._max_age is not None:
            answer["Access-Control-Max-Age"] = str(round(self._max_age.total_seconds()))
        return answer

    def headers(self, origin: str | None) -> dict[str, str]:
        """What every other answer carries, so that the page may read it and caches keep origins apart."""
        allowed = self._permission(origin) if origin is not None and self._allows(origin) else {}
        return {"Vary": "Origin", **allowed}

    def _allows(self, origin: str) -> bool:
        return self._origins.fullmatch(origin.lower()) is not None

    def _permission(self, origin: str) -> dict[str, str]:
        """An open listener says `*`, with which browsers send no cookies."""
        return {
            "Access-Control-Allow-Origin": "*" if self._is_open else origin,
            "Access-Control-Allow-Credentials": "true",
        }
