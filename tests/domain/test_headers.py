"""Which headers and addresses can be used is known before a request is made."""

import pytest

from domain.headers import header_problems
from domain.urls import url_problem


def test_headers_that_gateways_ask_for_can_be_sent() -> None:
    """A check that refuses a working header would be worse than none."""
    assert header_problems({"X-Team_1.a": "b c\td", "authorization": "Bearer a.b~c=", "x-empty": ""}) == []


def test_each_header_that_cannot_be_sent_has_a_line() -> None:
    """A user mends them all at once."""
    assert header_problems({"a b": "", "x": "1\n", "y": "2", "z": "é"}) == [
        "header 'a b': is no name of a header; use letters, digits and dashes",
        "header 'x': its value has a line break or another control character; remove it",
        "header 'z': its value has characters beyond ASCII; encode or remove them",
    ]


@pytest.mark.parametrize("url", ["http://[::1]:8000/v1", "https://user:pass@host/v1", "HTTPS://host"])
def test_addresses_of_endpoints_are_taken(url: str) -> None:
    """With a password, with an IPv6 address, and however the scheme is written."""
    assert url_problem(url) == ""


def test_what_is_wrong_with_an_address_is_told_without_it() -> None:
    """It may carry a password."""
    assert "pass" not in url_problem("htp://user:pass@host/v1")
