"""POST to someone else's server, and what its answer means: done, never, or later.

Redirects are not followed: what is sent, and the secret it is signed with, are meant for the host that was
configured. Retry-After: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3.
"""

import io
from collections.abc import Container, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from collector.outgoing.forwarder import OversizeError, speaks_of_size
from domain.errors import PermanentError, RetryableError

OF_THE_MOMENT = frozenset((408, 425, 429, *range(500, 600)))
"""Statuses that speak of the server's moment, not of what was sent."""
_ANSWER_MAX_BYTES = 64 * 1024
_SAID_MAX_CHARS = 200


def is_http_url(text: str) -> bool:
    """Whether a text is an absolute http or https URL with a host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def host_of(url: str) -> str:
    """The part of a URL that may be shown: host and port, without credentials, path or query."""
    return urlsplit(url).netloc.rpartition("@")[2]


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    later: Container[int] = OF_THE_MOMENT,
    *,
    server_name: str | None = None,
) -> bytes:
    """The start of the body of a 2xx answer, at most 64 KiB.

    RetryableError when the status is one of `later` or no answer came, PermanentError otherwise. Errors name the
    host and never the rest of the URL, which may be a secret. `server_name` is the name in the server's certificate
    when it is not the URL's.
    """
    host = host_of(url)
    try:
        async with session.post(
            url, data=io.BytesIO(body), headers=headers, allow_redirects=False, server_hostname=server_name
        ) as answer:
            said = await _start_of(answer.content)
    except TimeoutError as error:
        raise RetryableError(f"{host}: no answer in time") from error
    except aiohttp.ClientError as error:
        raise RetryableError(f"{host}: {_reason(error)}") from None
    if 200 <= answer.status < 300:
        return said
    raise failure(host, answer.status, answer.headers, said, later)


def failure(
    host: str, status: int, headers: Mapping[str, str], said: bytes, later: Container[int]
) -> PermanentError | RetryableError:
    """The error a status means, with what the server said.

    OversizeError for 413, and for a 400 that speaks of size: so the OpenTelemetry Collector answers a large request.
    """
    printable = (each if each.isprintable() else " " for each in said.decode("utf-8", "replace"))
    text = " ".join("".join(printable).split())[:_SAID_MAX_CHARS]
    message = f"{host} answered {status}" + (f": {text}" if text else "")
    if status in later:
        return RetryableError(message, retry_after_s=retry_after_s(headers))
    if 300 <= status < 400:
        message = f"{host} answered {status}: redirects are not followed; set the url that it leads to"
    if status == 413 or (status == 400 and speaks_of_size(text)):
        return OversizeError(message)
    return PermanentError(message)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header; a date counts from the answer's own Date. None when there is none to use."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        wait = _date(text) - _date(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())


async def _start_of(content: aiohttp.StreamReader) -> bytes:
    chunks: list[bytes] = []
    left = _ANSWER_MAX_BYTES
    while left > 0 and (chunk := await content.read(left)):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _date(text: str) -> datetime:
    found = parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _reason(error: aiohttp.ClientError) -> str:
    """What went wrong, without the URL that some of aiohttp's texts carry."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or type(error).__name__
    return type(error).__name__
