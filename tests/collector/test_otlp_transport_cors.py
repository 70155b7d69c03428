"""Cross-origin rules: exporters in web pages of allowed origins may send, no others."""

from typing import Any

import pytest

from collector.otlp.cors import Cors, CorsConfig
from collector.receivers.otlp import Config
from domain.errors import ConfigError
from domain.settings import read_settings
from tests.collector.fakes import FakeWindow, request
from tests.collector.listening import listening
from tests.collector.serving import post, traces_url

ORIGIN = "https://www.test.com"
CORS = {"allowed_origins": ["https://*.test.com", "http://localhost:3000"], "max_age": 7200}
QUESTION = {"Origin": ORIGIN, "Access_Control_Request_Method": "POST"}


async def test_an_allowed_origin_is_told_what_it_may_do() -> None:
    """As the Collector answers, header by header."""
    async with listening(FakeWindow(), http={"cors": CORS}) as running:
        reply = await post(traces_url(running), None, None, "OPTIONS", **QUESTION)

    assert (reply.status, reply.body) == (204, b"")
    allowed = {name: value for name, value in reply.headers.items() if name.startswith("Access-Control")}
    assert allowed == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Max-Age": "7200",
    }


async def test_answers_to_a_page_can_be_read_by_it_failures_too() -> None:
    """A browser hides an answer without the header, and the page's author sees a CORS error instead of the real one."""
    async with listening(FakeWindow(), http={"cors": CORS}) as running:
        url = traces_url(running)
        good = await post(url, request().SerializeToString(), Origin=ORIGIN)
        bad = await post(url, b"\xff", Origin=ORIGIN)
        other = await post(url, request().SerializeToString(), Origin="https://evil.com")

    assert [reply.headers["Access-Control-Allow-Origin"] for reply in (good, bad)] == [ORIGIN, ORIGIN]
    assert [reply.headers["Vary"] for reply in (good, bad, other)] == ["Origin"] * 3
    assert (good.status, bad.status, other.status) == (200, 400, 200)
    assert "Access-Control-Allow-Origin" not in other.headers


async def test_without_cors_a_preflight_is_a_wrong_method() -> None:
    """The browser then does not send."""
    async with listening(FakeWindow(), http={}) as running:
        reply = await post(traces_url(running), None, None, "OPTIONS", **QUESTION)

    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize(
    ("settings", "asked", "is_allowed"),
    [
        ({}, {}, True),
        ({}, {"Origin": "HTTPS://A.Test.com"}, True),
        ({}, {"Origin": "http://localhost:3000"}, True),
        ({}, {"Origin": "https://test.com"}, False),
        ({}, {"Origin": "https://www.test.com.evil.com"}, False),
        ({}, {"Origin": "http://www.test.com"}, False),
        ({}, {"Origin": "null"}, False),
        ({}, {"Access-Control-Request-Method": "DELETE"}, False),
        ({}, {"Access-Control-Request-Headers": "content-type"}, True),
        ({}, {"Access-Control-Request-Headers": "content-type, x-key"}, False),
        ({"allowed_headers": ["X-Key"]}, {"Access-Control-Request-Headers": "content-type, x-key"}, True),
        ({"allowed_headers": ["*"]}, {"Access-Control-Request-Headers": "anything"}, True),
        ({"allowed_headers": ["*"]}, {"Access-Control-Request-Headers": "any\udcffthing"}, False),
        ({}, {"Origin": "https://\udcff.test.com"}, False),
    ],
)
def test_origin_method_and_headers_must_all_be_allowed(
    settings: dict[str, Any], asked: dict[str, str], is_allowed: bool
) -> None:
    """A wildcard that matches too much lets any page send."""
    cors = Cors(CorsConfig.model_validate(CORS | settings))
    answer = cors.preflight({"Origin": ORIGIN, "Access-Control-Request-Method": "POST"} | asked)

    assert answer is not None
    assert ("Access-Control-Allow-Origin" in answer) is is_allowed
    assert "Access-Control-Request-Headers" in answer["Vary"]


def test_any_origin_is_allowed_without_being_named() -> None:
    """With `*` browsers send no cookies; an echoed origin would let them."""
    assert Cors(CorsConfig(allowed_origins=("*",))).headers("https://any.com")["Access-Control-Allow-Origin"] == "*"


def test_only_a_question_of_a_browser_is_a_preflight() -> None:
    """Other OPTIONS requests get the answer to a wrong method."""
    cors = Cors(CorsConfig.model_validate(CORS))

    assert cors.preflight({"Origin": ORIGIN}) is None
    assert cors.preflight({"Access-Control-Request-Method": "POST"}) is None


@pytest.mark.parametrize("origin", ["www.test.com", "https://www.test.com/", "https://www.test.com/app"])
def test_what_no_browser_sends_as_its_origin_is_a_mistake(origin: str) -> None:
    """It would never match, and nobody would know why."""
    with pytest.raises(ConfigError) as mistake:
        read_settings(Config, "r", {"protocols": {"http": {"cors": {"allowed_origins": [origin]}}}})

    assert "is no origin; write scheme://host[:port] without a path, or *" in str(mistake.value)
