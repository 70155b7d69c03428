"""From handlers to an aiohttp application: threads, JSON, problem+json, and who may ask.

Problems follow RFC 9457. Whoever can reach the port may ask, so on loopback without a token the Host header
must name this machine: a web page that rebinds its own name to 127.0.0.1 is turned away.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog
from aiohttp import web

from api.asking import Answer, Asked, Doors, Handler, RequestError
from domain.endpoint import parse_endpoint
from domain.errors import ConfigError, PermanentError, RetryableError

MAX_BODY_BYTES = 1024 * 1024
_TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    500: "Internal error",
    503: "Not now",
}
_log = structlog.get_logger(__name__)
_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(doors: Doors, routes: Iterable[tuple[str, str, Handler]], token: str | None) -> web.Application:
    """Serve (method, path, handler) routes; with a token only to those who send it as a bearer token."""
    guard = _bearer_guard(token) if token else _host_guard
    app = web.Application(middlewares=[_problems, guard], client_max_size=MAX_BODY_BYTES)
    for method, path, handler in routes:
        app.router.add_route(method, path, _threaded(doors, handler))
    return app


def _threaded(doors: Doors, handler: Handler) -> _Next:
    async def answer(request: web.Request) -> web.StreamResponse:
        asked = Asked(request.match_info, request.query, await _body(request), request.headers.get("Accept", ""))
        return _response(await asyncio.to_thread(handler, doors, asked))

    return answer


async def _body(request: web.Request) -> object:
    if not request.body_exists:
        return None
    raw = await request.read()
    if not raw:
        return None
    if request.content_type != "application/json":
        raise RequestError(415, f"content-type {request.content_type!r} is not accepted; send application/json")
    try:
        return json.loads(raw)
    except ValueError as error:
        raise RequestError(400, f"the body is no JSON: {error}") from error


def _response(answer: Answer) -> web.Response:
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    charset = "utf-8" if answer.media_type.startswith("text/") else None
    return web.Response(
        body=body, status=answer.status, content_type=answer.media_type, charset=charset, headers=answer.headers
    )


@web.middleware
async def _problems(request: web.Request, handler: _Next) -> web.StreamResponse:
    """Every way to fail becomes problem+json, never a page or a traceback."""
    try:
        return await handler(request)
    except ConfigError as error:
        return _problem(400, "; ".join(error.problems), errors=list(error.problems))
    except RequestError as error:
        return _problem(error.status, str(error))
    except PermanentError as error:
        return _problem(409, str(error))
    except RetryableError as error:
        after = {"Retry-After": str(round(error.retry_after_s or 1))}
        return _problem(503, str(error), headers=after)
    except web.HTTPException as error:
        detail = f"{request.method} {request.path}: {error.reason.lower()}"
        return _problem(error.status, detail, headers={k: v for k, v in error.headers.items() if k == "Allow"})
    except Exception:
        _log.exception("request_failed", method=request.method, route=request.path)
        return _problem(500, "the request failed; the log of `halo serve` says why")


def _problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, errors: list[str] | None = None
) -> web.Response:
    said: dict[str, Any] = {"title": _TITLES.get(status, "Refused"), "status": status, "detail": detail}
    if errors:
        said["errors"] = errors
    return web.json_response(said, status=status, content_type="application/problem+json", headers=headers)


def _bearer_guard(token: str) -> Any:
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def guard(request: web.Request, handler: _Next) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, expected):
            return _problem(
                401, "a valid bearer token is required; set HALO_API_TOKEN", headers={"WWW-Authenticate": "Bearer"}
            )
        return await handler(request)

    return guard


@web.middleware
async def _host_guard(request: web.Request, handler: _Next) -> web.StreamResponse:
    peer = request.transport.get_extra_info("sockname") if request.transport else None
    if peer and not _names_this_machine(request.host, str(peer[0])):
        return _problem(403, f"host {request.host!r} is not this sidecar; use its address or set api.token")
    return await handler(request)


def _names_this_machine(host: str, own_address: str) -> bool:
    """Whether a Host header names the address it was received on; any name will do where others may ask anyway."""
    try:
        own = parse_endpoint(f"[{own_address}]:0")
        asked = parse_endpoint(host if host.rpartition(":")[2].isdecimal() and not host.endswith("]") else f"{host}:0")
    except ValueError:
        return False
    return asked.is_loopback or not own.is_loopback
