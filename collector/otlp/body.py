"""An HTTP body as a received request: read, unpacked and decoded within the limits, without stalling others."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from collector.otlp.answers import PROTOBUF
from collector.otlp.inflate import coding, inflate
from collector.otlp.intake import from_json, receive_protobuf
from collector.otlp.limits import PIECE_BYTES, Hold, TooLargeError
from collector.processing import Batch
from domain.errors import PermanentError, RetryableError
from domain.signals import Signal

READ_TIMEOUT_S = 60.0


class BodyReader:
    """Reads bodies of at most `limit` bytes, counted both as sent and as unpacked.

    Unpacking and parsing JSON of more than `PIECE_BYTES` happen on `worker`, a thread of its own: one at a time, so
    that large JSON bodies, which grow while they are parsed, never grow together. Protobuf is parsed at once: its
    parser holds the interpreter lock, so a thread would only add a detour.
    """

    def __init__(self, limit: int, worker: Executor) -> None:
        self._limit = limit
        self._worker = worker

    async def receive(self, signal: Signal, request: web.BaseRequest, media_type: str, hold: Hold) -> Batch:
        """The request in a body of an OTLP media type; the bytes it takes are counted in `hold`."""
        name = coding(request.headers.get("Content-Encoding", ""))
        body = await self._read(request, hold)
        if name:
            body = await self._unpack(inflate(name, body, self._limit), len(body), hold)
        if media_type == PROTOBUF:
            return await receive_protobuf(signal, body, hold)
        if len(body) <= PIECE_BYTES:
            return from_json(signal, body)
        return await asyncio.get_running_loop().run_in_executor(self._worker, from_json, signal, body)

    async def _read(self, request: web.BaseRequest, hold: Hold) -> bytes:
        if (request.content_length or 0) > self._limit:
            raise TooLargeError(self._limit)
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                async for chunk in request.content.iter_any():
                    size += len(chunk)
                    if size > self._limit:
                        raise TooLargeError(self._limit)
                    hold.add(len(chunk))
                    chunks.append(chunk)
        except TimeoutError:
            raise RetryableError(f"the body did not arrive within {READ_TIMEOUT_S:g} s") from None
        except (ClientPayloadError, HttpProcessingError) as error:
            raise PermanentError(f"malformed HTTP body: {error}") from None
        except ConnectionError as error:
            raise RetryableError("the connection closed before the body was complete") from error
        return b"".join(chunks)

    async def _unpack(self, pieces: Iterator[bytes], packed: int, hold: Hold) -> bytes:
        """The joined pieces of a body that takes `packed` bytes; large ones are made on the worker."""
        loop = asyncio.get_running_loop()
        unpacked: list[bytes] = []
        size = 0
        while True:
            is_small = packed + size <= PIECE_BYTES
            piece = next(pieces, b"") if is_small else await loop.run_in_executor(self._worker, next, pieces, b"")
            if not piece:
                return b"".join(unpacked)
            hold.add(len(piece))
            size += len(piece)
            unpacked.append(piece)
