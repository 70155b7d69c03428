"""Addresses of HTTP endpoints that a user sets, judged before one is asked."""

from urllib.parse import urlsplit


def url_problem(url: str) -> str:
    """What keeps a text from being the address of an HTTP endpoint, or an empty text; it quotes none of it.

    A URL may carry a password, so what is wrong is told and not shown.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no URL; write it like https://host/v1"
    if parts.scheme not in ("http", "https") or not host:
        return "has to begin with http:// or https://, like https://host/v1"
    return ""
