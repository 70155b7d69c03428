"""Forwarders that lead back to the sidecar they belong to: everything would go round until the disk is full."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from collector.pipeline import Configured

_DEFAULT_PORTS = {"http": 80, "https": 443, "": 4317}


def loops(receivers: Sequence[Configured], forwarders: Sequence[Configured]) -> list[str]:
    """One problem for each forwarder whose endpoint is where a receiver listens."""
    listening = {place: each.id for each in receivers for place in _places(each)}
    problems = []
    for each in forwarders:
        for place in _places(each):
            receiver = listening.get(place)
            if receiver is not None:
                said = f"leads back to receivers.{receiver}; write where your backend listens"
                problems.append(f"forwarders.{each.id}.endpoint: {said}")
                break
    return problems


def _places(configured: Configured) -> Iterator[tuple[str, int]]:
    """(host, port) of every endpoint in a component's settings; this machine is `here`, by whatever name."""
    for endpoint in _endpoints(configured.config.model_dump(mode="json")):
        try:
            parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
            port = parts.port if parts.port is not None else _DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            continue
        if parts.hostname and port:
            yield ("here" if _is_here(parts.hostname) else parts.hostname), port


def _endpoints(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _endpoints(value)
        elif isinstance(value, str) and key.endswith("endpoint"):
            yield value


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
