"""From a provider's settings to a `Model` that can be asked: client, key, retries, and the API in use.

The client comes from the `openai` package, which is imported here and not before: starting the command and reading
reports do without it.
"""

import asyncio
import os
import random as randomness
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from domain.errors import ConfigError, PermanentError
from domain.headers import header_problems
from domain.urls import url_problem
from engine.llm.asking import AskedModel, Wire
from engine.llm.chat import ask_chat, chat_request
from engine.llm.model import Model
from engine.llm.responses import ask_responses, responses_request
from engine.llm.retrying import Retrying
from engine.model_provider_config import ModelProviderConfig

DEFAULT_HOST = "api.openai.com"
_APIS = {"chat": (chat_request, ask_chat), "responses": (responses_request, ask_responses)}
_PLACEHOLDER_KEY = "none"
_CONNECT_TIMEOUT_S = 10.0


def _silent(line: str) -> None:
    """Nobody is told of a retry."""


@dataclass(frozen=True)
class Access:
    """Where a model is and what opens it; `base_url` None is OpenAI's own endpoint."""

    base_url: str | None
    key: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def host(self) -> str:
        """The endpoint as error messages name it, without a user and password that a URL may carry."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2] if self.base_url else DEFAULT_HOST


def access(provider: ModelProviderConfig) -> Access:
    """The endpoint and key of a provider, what it leaves open from the environment.

    ConfigError: the URL is none, or a header cannot be sent.
    PermanentError: OpenAI's endpoint without a key, or a key no header can carry.
    """
    base_url = provider.base_url or os.environ.get("OPENAI_BASE_URL") or None
    if base_url is not None and (said := url_problem(base_url)):
        raise ConfigError(f"the model's base URL {said}")
    headers = provider.default_headers or {}
    if problems := header_problems(headers):
        raise ConfigError(problems)
    key = (provider.api_key or os.environ.get("OPENAI_API_KEY") or "").strip()
    authorized = any(name.lower() == "authorization" for name in headers)
    if not key and not authorized and (base_url is None or urlsplit(base_url).hostname == DEFAULT_HOST):
        raise PermanentError(f"{DEFAULT_HOST} needs a key: set OPENAI_API_KEY, or run without a model")
    if not (key.isascii() and key.isprintable()):
        raise PermanentError("the model's key has characters that no key has: set OPENAI_API_KEY again")
    return Access(base_url, key or _PLACEHOLDER_KEY, tuple(filter(None, [key, *headers.values()])))


@asynccontextmanager
async def connect(
    provider: ModelProviderConfig,
    *,
    on_retry: Callable[[str], None] = _silent,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    random: Callable[[], float] = randomness.random,
) -> AsyncIterator[Model]:
    """A model behind the provider's endpoint, for as long as the block runs; nothing is sent before the first call.

    `on_retry` is told in one line why a request is made again and when. `clock` is Unix time, `sleep` waits for
    seconds, `random` draws from [0, 1).
    ConfigError, PermanentError: the settings cannot work (see `access`).
    """
    import openai

    door = access(provider)
    client = openai.AsyncOpenAI(
        api_key=door.key,
        base_url=door.base_url,
        default_headers=provider.default_headers,
        timeout=openai.Timeout(provider.request_timeout_s, connect=min(_CONNECT_TIMEOUT_S, provider.request_timeout_s)),
        max_retries=0,
    )
    retrying = Retrying(provider.attempts, door.host, on_retry, sleep, random)
    async with client:
        request, ask = _APIS[provider.api]
        wire = Wire(client, request, ask, provider.request_timeout_s, door.secrets, clock)
        yield AskedModel(wire, retrying)
