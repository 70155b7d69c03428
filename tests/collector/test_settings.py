"""Settings read against a model: what a person is told about each mistake."""

import pytest
from pydantic import Field, SecretStr

from domain.component import ComponentConfig
from domain.endpoint import Endpoint, parse_endpoint
from domain.errors import ConfigError
from domain.settings import read_settings


class Inner(ComponentConfig):
    size: int = Field(default=1, ge=1, description="A size.")


class Outer(ComponentConfig):
    name: str = Field(description="A name.")
    secret: SecretStr | None = Field(default=None, description="A secret.")
    inner: Inner = Field(default=Inner(), description="Settings inside.")
    many: list[Inner] = Field(default_factory=list, description="Several.")


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        (None, ["x.name: required; set it"]),
        ({"name": "n", "innr": {}}, ["x.innr: unknown setting; did you mean inner?"]),
        ({"name": "n", "zzz": {}}, ["x.zzz: unknown setting; use one of: inner, many, name, secret"]),
        ({"name": "n", "inner": {"sice": 1}}, ["x.inner.sice: unknown setting; did you mean size?"]),
        ({"name": "n", "inner": 5}, ["x.inner: expected a section of settings (key: value)"]),
        (
            {"name": "n", "many": [{}, {"size": 0}]},
            ["x.many[1].size: input should be greater than or equal to 1, got 0"],
        ),
        (
            {"name": 5, "inner": {"size": "big"}},
            [
                "x.name: input should be a valid string, got 5",
                "x.inner.size: input should be a valid integer, unable to parse string as an integer, got 'big'",
            ],
        ),
        ({"name": "n", "secret": ["hunter2"]}, ["x.secret: input should be a valid string"]),
    ],
)
def test_each_mistake_has_its_path_what_is_wrong_and_what_to_do(raw: object, problems: list[str]) -> None:
    """All at once, so that one restart is enough."""
    with pytest.raises(ConfigError) as mistakes:
        read_settings(Outer, "x", raw)

    assert list(mistakes.value.problems) == problems


def test_what_is_not_written_has_its_default() -> None:
    """A component that is only named is configured."""
    assert read_settings(Outer, "x", {"name": "n"}).inner.size == 1


@pytest.mark.parametrize(
    ("text", "endpoint", "is_loopback"),
    [
        ("127.0.0.1:4317", Endpoint("127.0.0.1", 4317), True),
        ("127.8.9.1:0", Endpoint("127.8.9.1", 0), True),
        ("localhost:1", Endpoint("localhost", 1), True),
        ("[::1]:65535", Endpoint("::1", 65535), True),
        ("0.0.0.0:4317", Endpoint("0.0.0.0", 4317), False),
        ("[::]:4317", Endpoint("::", 4317), False),
        ("collector.local:4317", Endpoint("collector.local", 4317), False),
    ],
)
def test_endpoints_are_read_and_known_to_be_reachable_from_elsewhere(
    text: str, endpoint: Endpoint, is_loopback: bool
) -> None:
    """What only this machine can reach needs no authentication; the rest does."""
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == text
    assert endpoint.is_loopback is is_loopback


@pytest.mark.parametrize(
    "text", ["", "4317", ":4317", "h:", "h:x", "h:65536", "::1:4317", "http://h:1", "h:-1", "h:１"]
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(ValueError, match="write host:port"):
        parse_endpoint(text)
