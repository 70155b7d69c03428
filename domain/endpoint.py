"""Where a server listens, written `host:port`, and whether other machines can reach it there."""

import errno
import ipaddress
import socket
from typing import NamedTuple


class Endpoint(NamedTuple):
    """A host name or address and a port; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        """As a user writes it: IPv6 addresses in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine (or pod) can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_endpoint(text: str) -> Endpoint:
    """`127.0.0.1:4317`, `localhost:4317` or `[::1]:4317`; ValueError says what is accepted."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not colon or not host or "/" in host or not (port.isascii() and port.isdecimal()) or int(port[:6]) > 65_535:
        raise ValueError(f"{text!r} is no endpoint; write host:port, e.g. 127.0.0.1:4317 or [::1]:4317")
    return Endpoint(host, int(port))


def cannot_listen(endpoint: Endpoint, error: OSError) -> str:
    """Why nothing can listen at an endpoint, and what to do, in one line."""
    if error.errno == errno.EADDRINUSE:
        return f"{endpoint} is in use; stop the program that listens there or choose another port"
    if isinstance(error, socket.gaierror):
        return f"{endpoint.host!r} has no address; use an address of this machine, e.g. 127.0.0.1"
    return f"cannot listen on {endpoint}: {error.strerror or error}; choose another address or port"
