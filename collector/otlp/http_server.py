"""OTLP over HTTP: `POST /v1/traces`, protobuf or JSON. Every answer but success is a google.rpc.Status.

Never a redirect: the Python exporter takes one for success and the spans are lost. So the paths are matched here
and a doubled leading slash, which joining URLs by hand produces, is forgiven.
Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp.
"""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web

from collector.otlp import answers
from collector.otlp.answers import HttpAnswer, Refusal
from collector.otlp.body import BodyReader
from collector.otlp.intake import Intake
from domain.endpoint import Endpoint, cannot_listen
from domain.errors import ConfigError
from store.base import Appended


@asynccontextmanager
async def http_server(
    endpoint: Endpoint, intake: Intake, *, max_request_bytes: int, stop_grace_s: float
) -> AsyncIterator[Endpoint]:
    """Serve until the `with` ends, then finish what is in flight within the grace; yields the actual endpoint.

    ConfigError when nothing can listen there.
    """
    worker = ThreadPoolExecutor(1, "halo-otlp-decode")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", partial(_handle, intake, BodyReader(max_request_bytes, worker)))
    # aiohttp waits this long twice, and for ever when it is zero.
    patience_s = max(stop_grace_s / 2, 0.001)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=patience_s)
    await runner.setup()
    try:
        site = web.TCPSite(runner, endpoint.host, endpoint.port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(cannot_listen(endpoint, error)) from error
        yield Endpoint(endpoint.host, site.port)
    finally:
        await runner.cleanup()
        worker.shutdown(wait=False, cancel_futures=True)


async def _handle(intake: Intake, reader: BodyReader, request: web.Request) -> web.Response:
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    outcome: Appended | Refusal | None = _misdirected(request, media_type)
    if outcome is None:
        outcome = await intake.take("http", partial(reader.receive, request, media_type))
    if isinstance(outcome, Refusal):
        return _to_response(answers.http_refusal(outcome, media_type))
    return _to_response(answers.http_success(outcome, media_type))


def _misdirected(request: web.Request, media_type: str) -> Refusal | None:
    path = "/" + request.path.lstrip("/")
    if path != answers.TRACES_PATH:
        return answers.unknown_path(request.path)
    if request.method != "POST":
        return answers.wrong_method(request.method)
    if media_type not in (answers.PROTOBUF, answers.JSON):
        return answers.unsupported_media_type(media_type)
    return None


def _to_response(answer: HttpAnswer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
