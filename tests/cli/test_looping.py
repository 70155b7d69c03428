"""A forwarder to the sidecar's own receiver: found before it runs."""

import pytest

from cli.config import load_config
from domain.errors import ConfigError


@pytest.mark.parametrize(
    "forwarder",
    [
        "otlp_grpc={endpoint: 'http://localhost:4317'}",
        "otlp_grpc={endpoint: '127.0.0.1'}",
        "otlp_http={endpoint: 'http://[::1]:4318'}",
        "otlp_http={traces_endpoint: 'http://127.0.0.1:4318/v1/traces'}",
    ],
)
def test_a_forwarder_that_leads_back_is_refused(forwarder: str) -> None:
    """The default port of both sides is the same: this mistake will be made."""
    with pytest.raises(ConfigError, match=r"^forwarders.otlp_\w+.endpoint: leads back to receivers.otlp; write where"):
        load_config([], [f"forwarders.{forwarder}"], environment={})


@pytest.mark.parametrize(
    "forwarder",
    [
        "otlp_grpc={endpoint: 'http://backend:4317'}",
        "otlp_grpc={endpoint: 'localhost:4327'}",
        "otlp_http={endpoint: 'http://localhost'}",
        "otlp_grpc={endpoint: 'unix:///run/backend.sock'}",
    ],
)
def test_a_forwarder_to_somewhere_else_is_not(forwarder: str) -> None:
    """A second Collector on the same machine is a common place to send to."""
    config = load_config([], [f"forwarders.{forwarder}"], environment={})

    assert [each.id for each in config.forwarders] == [forwarder.partition("=")[0]]
