"""The webhook exporter, against a real server that may refuse first."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from collector.exporters import webhook
from collector.outgoing.http import retry_after_s
from collector.pipeline import EXPORTERS, configure
from domain.errors import ConfigError, PermanentError, RetryableError
from domain.report import Report
from rendering import slack
from tests.collector.destination import Destination
from tests.collector.fakes import delivery, no_evidence, report


async def send_webhook(url: str, **settings: Any) -> None:
    config = webhook.Config.model_validate({"url": url, **settings})
    async with webhook.create(config, data_dir=Path("unused")) as exporter:
        await exporter.export(delivery(), report(), "# R", no_evidence)


async def test_a_webhook_gets_the_report_under_its_delivery_id() -> None:
    """The body of the contract; the id lets a receiver drop repeats."""
    destination = Destination()
    async with destination.url() as url:
        await send_webhook(url)

    [(headers, body)] = destination.taken
    sent = json.loads(body)
    assert (sent["event"], sent["delivery_id"]) == ("report.completed", delivery().id)
    assert Report.model_validate(sent["report"]) == report()
    assert headers["Content-Type"] == "application/json"
    assert (headers["X-Halo-Event"], headers["X-Halo-Delivery"]) == ("report.completed", delivery().id)
    assert "X-Halo-Signature" not in headers


async def test_a_webhook_with_a_secret_is_signed_over_its_exact_body() -> None:
    """Whoever knows the URL could post a forged report otherwise."""
    destination = Destination()
    async with destination.url() as url:
        await send_webhook(url, secret="s3cret")

    [(headers, body)] = destination.taken
    assert headers["X-Halo-Signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()


async def test_a_slack_webhook_gets_blocks() -> None:
    """Slack takes only its own message format."""
    destination = Destination()
    async with destination.url() as url:
        await send_webhook(url, format="slack")

    [(_, body)] = destination.taken
    assert json.loads(body) == slack.blocks(report())


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
async def test_a_webhook_that_cannot_now_is_asked_again(status: int) -> None:
    """These statuses speak of the moment, not of the report."""
    async with Destination((status, {"Retry-After": "7"}, "not  now\n")).url() as url:
        with pytest.raises(RetryableError, match=rf"127\.0\.0\.1:\d+ answered {status}: not now$") as refused:
            await send_webhook(url)

    assert refused.value.retry_after_s == 7
    assert "secret-part" not in str(refused.value)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 410, 422])
async def test_a_webhook_that_never_will_is_left_alone(status: int) -> None:
    """A redirect is not followed: the report and its signature are for the host that was configured."""
    destination = Destination((status, {"Location": "/elsewhere"}, "invalid_blocks"))
    async with destination.url() as url:
        with pytest.raises(PermanentError, match=f"answered {status}"):
            await send_webhook(url)

    assert destination.taken == []


async def test_a_webhook_out_of_reach_or_silent_is_asked_again() -> None:
    """And the error, which people will see, does not show the secret path."""
    async with Destination().url() as url:
        pass
    with pytest.raises(RetryableError) as unreachable:
        await send_webhook(url)

    class Silent(Destination):
        async def handle(self, request: web.Request) -> web.Response:
            request.transport.close()  # type: ignore[union-attr]
            return web.Response()

    async with Silent().url() as url:
        with pytest.raises(RetryableError) as silent:
            await send_webhook(url)

    for error in (unreachable.value, silent.value):
        assert str(error).startswith("127.0.0.1:")
        assert "secret-part" not in str(error)


@pytest.mark.parametrize("url", ["hooks.example/x", "ftp://h/x", "https:///x", "http://h:99999/x"])
def test_a_url_that_is_none_is_refused_without_being_shown(url: str) -> None:
    """The URL is a password; a log of the start must not hold it."""
    with pytest.raises(ConfigError) as mistake:
        configure({EXPORTERS: {"webhook": {"url": url}}})

    assert mistake.value.problems[0].startswith("exporters.webhook.url: is no web address")
    assert url not in str(mistake.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Thu, 01 Jan 2026 12:00:30 GMT", "Date": "Thu, 01 Jan 2026 12:00:00 GMT"}, 30),
        ({"Retry-After": "Thu, 01 Jan 2026 12:00:00 GMT", "Date": "Thu, 01 Jan 2026 12:00:30 GMT"}, 0),
        ({"Retry-After": "Thu, 01 Jan 2026 12:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    """A date is relative to the answer's own clock, which may differ from this machine's."""
    assert retry_after_s(headers) == seconds
