"""A receiver on free loopback ports, and clients for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collector.keeping import Keeper
from collector.receivers.otlp import Config, OtlpReceiver, create
from tests.collector.fakes import FakeWindow

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def config(**settings: Any) -> Config:
    """Both protocols on ports that the system chooses."""
    limit = settings.pop("max_request_bytes", "64MiB")
    server = {"endpoint": "127.0.0.1:0", "max_request_bytes": limit}
    return Config.model_validate({"protocols": {"grpc": server, "http": server}, **settings})


@asynccontextmanager
async def receiver(window: FakeWindow, ready: Any = None, **settings: Any) -> AsyncIterator[OtlpReceiver]:
    async with create(config(**settings), keeper=Keeper(window), ready=ready) as running:
        yield running


def traces_url(running: OtlpReceiver) -> str:
    return f"http://{running.http_endpoint}/v1/traces"


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until a condition holds."""
    while not condition():  # noqa: ASYNC110 - what is waited for happens in another thread or process of the test
        await asyncio.sleep(0.001)


class Reply:
    """An HTTP answer, read."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def media_type(self) -> str | None:
        return self.headers.get("Content-Type")

    def rpc_status(self) -> Status:
        return Status.FromString(self.body)


async def post(url: str, body: Any, media_type: str | None = PROTOBUF, method: str = "POST", **headers: str) -> Reply:
    """One request on its own connection; `content_encoding="gzip"` becomes the header of that name."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if media_type is not None:
        sent["Content-Type"] = media_type
    async with (
        aiohttp.ClientSession(skip_auto_headers={"Content-Type"}, auto_decompress=False) as session,
        session.request(method, url, data=body, headers=sent, allow_redirects=False) as answer,
    ):
        return Reply(answer.status, answer.headers, await answer.read())


async def export(running: OtlpReceiver, body: bytes, **options: Any) -> bytes:
    """One raw gRPC export; grpc.aio.AioRpcError when refused."""
    async with grpc.aio.insecure_channel(
        str(running.grpc_endpoint), options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        return await channel.unary_unary(METHOD)(body, **options)


def retry_delays(error: grpc.aio.AioRpcError) -> dict[str, float]:
    """The delay, in seconds, under each trailing metadata key that carries one."""
    found: dict[str, float] = {}
    for key, value in error.trailing_metadata() or ():
        if key == "google.rpc.retryinfo-bin":
            found[key] = RetryInfo.FromString(value).retry_delay.ToMilliseconds() / 1000
        elif key == "grpc-status-details-bin":
            info = RetryInfo()
            if Status.FromString(value).details[0].Unpack(info):
                found[key] = info.retry_delay.ToMilliseconds() / 1000
    return found
