"""OTLP over HTTP/1.1: POST to the path of a signal, protobuf or JSON. Every answer but success is a google.rpc.Status.

Never a redirect: the Python exporter takes one for success and the spans are lost. So the paths are matched here
and a doubled leading slash, which joining URLs by hand produces, is forgiven. HTTP/2 is not offered, over TLS neither:
every OTLP/HTTP exporter speaks HTTP/1.1.
Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp.
"""

import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

from aiohttp import web

from collector.otlp import answers
from collector.otlp.answers import HttpAnswer, Refusal
from collector.otlp.auth import Guard
from collector.otlp.body import BodyReader
from collector.otlp.connections import Connection, ConnectionLimits, HttpServer, to_response
from collector.otlp.cors import Cors
from collector.otlp.intake import Intake
from collector.otlp.limits import Hold
from collector.otlp.misdirected import addressed
from collector.otlp.settings import HttpConfig
from collector.otlp.tls import RenewableContext, renewing
from collector.otlp.unix_socket import socket_file
from collector.processing import Batch
from domain.endpoint import Endpoint, Listening, UnixEndpoint, cannot_listen, parse_listening
from domain.errors import ConfigError
from domain.signals import Signal
from telemetry.metrics import INVALID_REQUESTS, REQUESTS


@asynccontextmanager
async def http_server(
    config: HttpConfig, intake: Intake, *, stop_grace_s: float, http_2_hint: str
) -> AsyncIterator[Listening]:
    """Serve until the `with` ends, then finish what is in flight within the grace; yields the actual endpoint.

    `http_2_hint` is what a gRPC client is told. ConfigError, each problem under its setting, when nothing can listen
    there or the certificate cannot be used.
    """
    endpoint = parse_listening(config.endpoint)
    context = RenewableContext(config.tls) if config.tls else None
    worker = ThreadPoolExecutor(1, "halo-otlp-decode")
    reader = BodyReader(config.max_request_bytes, worker)
    limits = ConnectionLimits(
        config.header_timeout.total_seconds(), config.idle_timeout.total_seconds(), config.max_connections
    )
    server = HttpServer(Exports(config, intake, reader, http_2_hint).handle, limits, http_2_hint)
    # aiohttp waits this long twice, and for ever when it is zero.
    runner = web.ServerRunner(server, shutdown_timeout=max(stop_grace_s / 2, 0.001))
    with socket_file(endpoint) as bound:
        await runner.setup()
        try:
            actual = await _listen(runner, endpoint, context.made if context else None)
            bound()
            async with renewing(config.tls, lambda newer: context.renew(newer) if context else None):
                yield actual
        finally:
            await runner.cleanup()
            worker.shutdown(wait=False, cancel_futures=True)


async def _listen(runner: web.ServerRunner, endpoint: Listening, context: ssl.SSLContext | None) -> Listening:
    try:
        if isinstance(endpoint, UnixEndpoint):
            await web.UnixSite(runner, endpoint.path, ssl_context=context).start()
            return endpoint
        site = web.TCPSite(runner, endpoint.host, endpoint.port, ssl_context=context)
        await site.start()
        return Endpoint(endpoint.host, site.port)
    except OSError as error:
        raise ConfigError(f"endpoint: {cannot_listen(endpoint, error)}") from error


class Exports:
    """Answers requests: who sends, then where to and what, and only then the body."""

    def __init__(self, config: HttpConfig, intake: Intake, reader: BodyReader, http_2_hint: str) -> None:
        self._intake = intake
        self._reader = reader
        self._max_request_bytes = config.max_request_bytes
        self._max_attributes = config.max_attributes
        self._guard = Guard(config.auth) if config.auth else None
        self._cors = Cors(config.cors) if config.cors else None
        self._http_2_hint = http_2_hint

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request; its connection's timers rest meanwhile."""
        connection = cast(Connection, request.protocol)
        connection.serving()
        try:
            return await self._respond(request)
        finally:
            connection.served()

    async def _respond(self, request: web.BaseRequest) -> web.Response:
        if self._cors is None:
            return to_response(await self._answer(request))
        if request.method == "OPTIONS" and (headers := self._cors.preflight(request.headers)) is not None:
            return to_response(HttpAnswer(204, headers, b""))
        response = to_response(await self._answer(request))
        response.headers.update(self._cors.headers(request.headers.get("Origin")))
        return response

    async def _answer(self, request: web.BaseRequest) -> HttpAnswer:
        media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        refused = self._guard and self._guard.refusal(request.headers.get("Authorization"))
        if self._guard and refused:
            REQUESTS.labels("http", "unauthenticated").inc()
            INVALID_REQUESTS.labels("http", refused.reason).inc()
            answer = answers.http_refusal(refused, media_type)
            return answer._replace(headers={**answer.headers, "WWW-Authenticate": self._guard.challenge})
        signal = addressed(request.path, request.method, media_type, self._http_2_hint)
        if isinstance(signal, Refusal):
            INVALID_REQUESTS.labels("http", signal.reason).inc()
            return answers.http_refusal(signal, media_type)
        receive = partial(self._receive, signal, request, media_type)
        outcome = await self._intake.take(signal, "http", receive, max_attributes=self._max_attributes)
        if isinstance(outcome, Refusal):
            return answers.http_refusal(outcome, media_type)
        return answers.http_success(signal, outcome, media_type)

    async def _receive(self, signal: Signal, request: web.BaseRequest, media_type: str, hold: Hold) -> Batch:
        """Ask for the body if the sender waits to be asked; what is too large is refused unasked."""
        is_waiting = request.headers.get("Expect", "").lower() == "100-continue"
        if is_waiting and (request.content_length or 0) <= self._max_request_bytes:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        return await self._reader.receive(signal, request, media_type, hold)
