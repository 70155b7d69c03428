"""Where a server may listen: ports and unix sockets, as people write them."""

import errno
import socket

import pytest

from domain.endpoint import UNIX_PATH_MAX_BYTES, Endpoint, UnixEndpoint, cannot_listen, parse_listening


@pytest.mark.parametrize(
    ("text", "is_path", "endpoint"),
    [
        ("127.0.0.1:4317", False, Endpoint("127.0.0.1", 4317)),
        ("[::1]:4317", False, Endpoint("::1", 4317)),
        ("unix:/run/a.sock", False, UnixEndpoint("/run/a.sock")),
        ("unix:///run/a.sock", False, UnixEndpoint("/run/a.sock")),
        ("unix:./a.sock", False, UnixEndpoint("./a.sock")),
        ("/run/a.sock", True, UnixEndpoint("/run/a.sock")),
        ("unix:/run/a.sock", True, UnixEndpoint("/run/a.sock")),
        ("unix:/" + "x" * (UNIX_PATH_MAX_BYTES - 1), False, UnixEndpoint("/" + "x" * (UNIX_PATH_MAX_BYTES - 1))),
    ],
)
def test_endpoints_are_read_as_people_write_them(text: str, is_path: bool, endpoint: Endpoint | UnixEndpoint) -> None:
    """gRPC writes `unix:`, the Collector a transport and a path; and what is printed can be read again."""
    assert parse_listening(text, is_path=is_path) == endpoint
    assert parse_listening(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    ("text", "is_path", "problem"),
    [
        ("unix:", False, "is no path of a unix socket; write e.g. unix:/run/halo/otlp.sock"),
        ("unix:a\0/b", False, "is no path of a unix socket"),
        ("127.0.0.1:4317", True, "is no path of a unix socket"),
        ("/run/a.sock", False, "is no endpoint; write host:port"),
        ("unix:/" + "é" * 60, False, f"may have {UNIX_PATH_MAX_BYTES} bytes, this one has 121; choose a shorter one"),
    ],
)
def test_what_cannot_be_listened_on_says_what_to_write(text: str, is_path: bool, problem: str) -> None:
    """The length is counted in bytes, as the system does."""
    with pytest.raises(ValueError, match=r".") as mistake:
        parse_listening(text, is_path=is_path)

    assert problem in str(mistake.value)


def test_a_unix_socket_does_not_leave_the_machine() -> None:
    """So it needs neither TLS nor a token."""
    assert UnixEndpoint("/run/a.sock").is_loopback


@pytest.mark.parametrize(
    ("endpoint", "number", "fix"),
    [
        (Endpoint("127.0.0.1", 1), errno.EADDRINUSE, "stop the program that listens there or choose another port"),
        (UnixEndpoint("/a"), errno.EADDRINUSE, "stop the program that listens there or choose another path"),
        (UnixEndpoint("/a/b"), errno.ENOENT, "its directory does not exist; create it or choose another path"),
        (UnixEndpoint("/a/b"), errno.EACCES, "choose another directory that this user may write to"),
        (Endpoint("127.0.0.1", 80), errno.EACCES, "choose another address or port"),
    ],
)
def test_a_failure_to_listen_names_the_fix(endpoint: Endpoint | UnixEndpoint, number: int, fix: str) -> None:
    """The system's own words do not say what to do."""
    said = cannot_listen(endpoint, OSError(number, "as the system says"))

    assert str(endpoint) in said
    assert said.endswith(fix)


def test_a_name_without_an_address_is_told_apart() -> None:
    """A host name of another machine is the usual cause."""
    error = socket.gaierror(socket.EAI_NONAME, "unknown")

    assert "'nowhere' has no address" in cannot_listen(Endpoint("nowhere", 1), error)
