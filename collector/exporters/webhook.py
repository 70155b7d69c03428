"""Posts each report to a URL: as JSON, or as a Slack message.

The body is signed when a secret is set: `X-Halo-Signature: sha256=` and the HMAC-SHA256 of the body in hexadecimal.
`X-Halo-Delivery` is the same in every attempt.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
from pydantic import Field, SecretStr, field_validator

from collector.outgoing.http import is_http_url, post
from domain.component import ComponentConfig
from domain.quantities import Duration
from domain.report import Report
from domain.runs import Delivery
from rendering import slack

EVENT = "report.completed"


class Config(ComponentConfig):
    """`exporters.webhook` of halo.yaml."""

    url: SecretStr = Field(description="Where to post; kept secret, since Slack's URLs are passwords.")
    format: Literal["json", "slack"] = Field(
        default="json", description="`json`: event, delivery_id and the report; `slack`: a Block Kit message."
    )
    secret: SecretStr | None = Field(default=None, description="Key of the signature in X-Halo-Signature.")
    timeout: Duration = Field(default=timedelta(seconds=10), description="How long one attempt may take.")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr) -> SecretStr:
        if not is_http_url(url.get_secret_value()):
            raise ValueError("is no web address; write http://host/path or https://host/path")
        return url


def create(config: Config, *, data_dir: Path) -> "WebhookExporter":
    """An exporter that holds one HTTP session while its `async with` lasts."""
    return WebhookExporter(config)


class WebhookExporter:
    """Posts reports to `config.url`."""

    def __init__(self, config: Config) -> None:
        self._config = config

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=self._config.timeout.total_seconds())
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def export(
        self, delivery: Delivery, report: Report, markdown: str, evidence: Callable[[], bytes | None]
    ) -> None:
        """Post one report; a receiver knows a repeat by the delivery id."""
        body = json.dumps(self._content(delivery, report)).encode()
        headers = {"Content-Type": "application/json", "X-Halo-Event": EVENT, "X-Halo-Delivery": delivery.id}
        if self._config.secret is not None:
            headers["X-Halo-Signature"] = signature(self._config.secret.get_secret_value(), body)
        await post(self._session, self._config.url.get_secret_value(), body, headers)

    def _content(self, delivery: Delivery, report: Report) -> dict[str, Any]:
        if self._config.format == "slack":
            return slack.blocks(report)
        return {"event": EVENT, "delivery_id": delivery.id, "report": report.model_dump(mode="json")}


def signature(secret: str, body: bytes) -> str:
    """The value of X-Halo-Signature for a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
