"""What is allowed in a configuration and yet probably not meant; told by `halo validate`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from domain.endpoint import Endpoint, parse_listening

if TYPE_CHECKING:
    from cli.config import HaloConfig

LIMITER = "memory_limiter"


def cautions(config: "HaloConfig") -> Iterator[str]:
    """One line each: where, what, what to do."""
    yield from _order(config)
    for receiver in config.receivers:
        protocols = getattr(receiver.config, "protocols", None)
        for name in ("grpc", "http"):
            if _is_open(getattr(protocols, name, None)):
                place = f"receivers.{receiver.id}.protocols.{name}"
                yield f"{place}: insecure: everybody who reaches it can send; set tls or auth"
    for forwarder in config.forwarders:
        if _is_in_the_clear(forwarder.config):
            yield f"forwarders.{forwarder.id}: sends in the clear to another machine; use https:// or set tls"


def _order(config: "HaloConfig") -> Iterator[str]:
    types = [each.id.partition("/")[0] for each in config.processors]
    if LIMITER not in types:
        yield f"processors: no {LIMITER}, so memory has no limit; list it first"
    elif types[0] != LIMITER:
        yield f"processors.{LIMITER}: what stands before it has spent the memory already; list it first"


def _is_open(server: Any) -> bool:
    """Whether others reach a listener that asks them for nothing."""
    guarded = server is None or not getattr(server, "insecure", False) or server.tls or server.auth
    return not guarded and not parse_listening(server.endpoint).is_loopback


def _is_in_the_clear(config: Any) -> bool:
    url = str(getattr(config, "endpoint", ""))
    host = urlsplit(url if "://" in url else f"//{url}").hostname
    in_the_clear = url.startswith("http://") or getattr(getattr(config, "tls", None), "insecure", False)
    return bool(in_the_clear and host) and not Endpoint(str(host), 0).is_loopback
