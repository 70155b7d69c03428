"""The command line's way in: one request to a running sidecar, one line when it fails."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from domain.errors import ConfigError, PermanentError, RetryableError

DEFAULT_ENDPOINT = "http://127.0.0.1:4320"
TIMEOUT_S = 60.0
PAGE_ITEMS = 500
_BAD_REQUEST, _SERVER_ERROR = 400, 500


class Client:
    """Speaks to `/api/v1` of one endpoint; every call opens and closes its own connection."""

    def __init__(self, endpoint: str = DEFAULT_ENDPOINT, token: str | None = None) -> None:
        if not endpoint.startswith(("http://", "https://")):
            raise ConfigError(f"HALO_ENDPOINT: {endpoint!r} is no URL; write e.g. {DEFAULT_ENDPOINT}")
        self._endpoint = endpoint.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at a path below /api/v1; parameters that are None are left out."""
        return json.loads(self._ask("GET", path, query=query))

    def get_bytes(self, path: str, **query: Any) -> bytes:
        """What stands at a path, as it is."""
        return self._ask("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON that answers a POST."""
        return json.loads(self._ask("POST", path, body=body or {}))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that answers a PATCH."""
        return json.loads(self._ask("PATCH", path, body=body))

    def listed(self, path: str, limit: int, *, cursor_name: str = "cursor", **query: Any) -> dict[str, Any]:
        """A list of up to `limit` items, over as many pages as that takes: `{items, next_cursor}`."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            page = self.get(path, limit=min(limit - len(items), PAGE_ITEMS), **{cursor_name: cursor}, **query)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None or len(items) >= limit:
                return {"items": items, "next_cursor": cursor}

    def _ask(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> bytes:
        return asyncio.run(self._send(method, path, query or {}, body))

    async def _send(self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None) -> bytes:
        url = f"{self._endpoint}/api/v1{path}"
        asked = {key: str(value) for key, value in query.items() if value is not None}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(headers=self._headers, timeout=timeout) as session,
                session.request(method, url, params=asked, json=body) as answer,
            ):
                content = await answer.read()
        except aiohttp.InvalidURL as error:
            raise ConfigError(f"HALO_ENDPOINT: {self._endpoint!r} is no URL; write e.g. {DEFAULT_ENDPOINT}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RetryableError(
                f"cannot reach {self._endpoint}: is `halo serve` running? Set HALO_ENDPOINT if it listens elsewhere"
            ) from error
        if answer.status < _BAD_REQUEST:
            return content
        raise _refused(answer.status, content, self._endpoint)


def readiness(endpoint: str) -> Any:
    """What `/readyz` of a health endpoint answers: `{status, reasons}`."""
    return asyncio.run(_readiness(endpoint.rstrip("/")))


async def _readiness(endpoint: str) -> Any:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{endpoint}/readyz") as answer:
            found = await answer.json(content_type=None)
            return {"status": str(found["status"]), "reasons": [str(reason) for reason in found["reasons"]]}
    except aiohttp.InvalidURL as error:
        raise ConfigError(f"--endpoint: {endpoint!r} is no URL; write e.g. http://127.0.0.1:13133") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise RetryableError(
            f"cannot reach {endpoint}: is `halo serve` running? Set --endpoint if health is served elsewhere"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise PermanentError(f"{endpoint} is no HALO health endpoint; correct --endpoint") from error


def segment(text: str) -> str:
    """A value as one segment of a path."""
    return quote(text, safe="")


def _refused(status: int, content: bytes, endpoint: str) -> Exception:
    """The error a problem+json answer stands for; 400 is what the user wrote, 5xx may pass."""
    try:
        problem = json.loads(content)
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return PermanentError(f"{endpoint} answered {status} and is no HALO sidecar; correct HALO_ENDPOINT")
    if status == _BAD_REQUEST:
        return ConfigError(problem.get("errors") or detail)
    return RetryableError(detail) if status >= _SERVER_ERROR else PermanentError(detail)
