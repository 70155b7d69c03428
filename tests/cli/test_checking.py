"""`halo validate`, `halo print-config`, `halo components`."""

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.running import Halo

HALO = Halo("http://127.0.0.1:9")


def test_a_valid_configuration_is_said_to_be_so(tmp_path: Path) -> None:
    """A silent check leaves a doubt."""
    assert HALO.told("validate") == "The configuration is valid; data would go to halo-data.\n"
    assert HALO.json("validate", "--data-dir", tmp_path) == {
        "valid": True,
        "data_dir": str(tmp_path),
        "cautions": [],
    }


def test_validate_checks_the_detectors_too(tmp_path: Path) -> None:
    """Here nothing is served, so the analysis may be loaded; its mistakes are told together with all others."""
    result = HALO("validate", "--set", "analysis.detectors.unusable_tool.floor=2", "--set", "api.endpoint=nowhere")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: api.endpoint: 'nowhere' is no endpoint; write host:port")
    assert "Error: analysis.detectors.unusable_tool.floor: " in result.stderr
    unknown = HALO("validate", "--set", "analysis.detectors.nope={}")
    assert unknown.stderr.startswith("Error: analysis.detectors.nope: unknown type 'nope'; use one of: ")
    result = HALO("validate", "--set", "analysis.detectors.unusable_tool.floor=2")
    assert result.stderr.startswith("Error: analysis.detectors.unusable_tool.floor: ")


def test_what_is_printed_can_be_read_back_and_hides_secrets(tmp_path: Path) -> None:
    """Printed configurations end up in tickets."""
    overrides = ["--set", "api.token=s3cret", "--set", "store.retention.max_age=7d"]
    printed = HALO.told("print-config", *overrides)
    path = tmp_path / "halo.yaml"
    path.write_text(printed)

    assert "s3cret" not in printed
    assert yaml.safe_load(printed)["store"]["retention"]["max_age"] == "7d"
    assert yaml.safe_load(HALO.told("print-config", "--config", path)) == yaml.safe_load(printed)
    assert HALO.json("print-config", *overrides) == yaml.safe_load(printed)


def test_components_are_listed_with_what_they_are_for() -> None:
    """The names are what halo.yaml accepts."""
    found = HALO.json("components")

    assert set(found) == {"receivers", "processors", "forwarders", "exporters", "detectors", "stores"}
    assert {"redact", "filter"} <= set(found["processors"])
    assert set(found["forwarders"]) == {"otlp_grpc", "otlp_http"}
    assert {"file", "otlp", "webhook"} <= set(found["exporters"])
    assert all(len(summary) > 20 for kind in found.values() for summary in kind.values())
    assert json.loads(json.dumps(found)) == found
    assert "unusable_tool" in HALO.told("components")


@pytest.mark.parametrize(
    ("text", "caution"),
    [
        ("processors: {redact: {}}", "processors: no memory_limiter, so memory has no limit; list it first"),
        (
            "processors: {redact: {}, memory_limiter: {}}",
            "processors.memory_limiter: what stands before it has spent the memory already; list it first",
        ),
        (
            "receivers: {otlp: {protocols: {http: {endpoint: '0.0.0.0:4318', insecure: true}}}}",
            "receivers.otlp.protocols.http: insecure: everybody who reaches it can send; set tls or auth",
        ),
        (
            "forwarders: {otlp_http: {endpoint: 'http://backend:4318'}}",
            "forwarders.otlp_http: sends in the clear to another machine; use https:// or set tls",
        ),
        (
            "forwarders: {otlp_grpc/b: {endpoint: 'backend:4317', tls: {insecure: true}}}",
            "forwarders.otlp_grpc/b: sends in the clear to another machine; use https:// or set tls",
        ),
    ],
)
def test_what_is_allowed_and_probably_not_meant_is_told(tmp_path: Path, text: str, caution: str) -> None:
    """Valid is not the same as wise; the exit code stays 0, since nothing is wrong."""
    file = tmp_path / "halo.yaml"
    file.write_text(text)
    result = HALO("validate", "--config", file)

    assert result.exit_code == 0
    assert result.stderr == f"caution: {caution}\n"


@pytest.mark.parametrize(
    "text",
    [
        "receivers: {otlp: {protocols: {grpc: {insecure: true}}}}",
        "receivers: {otlp: {protocols: {grpc: {endpoint: '0.0.0.0:4317', insecure: true, auth: {bearer: t}}}}}",
        "forwarders: {otlp_http: {endpoint: 'http://127.0.0.1:14318'}, otlp_grpc: {endpoint: 'https://backend:4317'}}",
    ],
)
def test_what_is_safe_is_not_cautioned_against(tmp_path: Path, text: str) -> None:
    """Cautions that are often wrong are not read."""
    file = tmp_path / "halo.yaml"
    file.write_text(text)

    assert HALO("validate", "--config", file).stderr == ""
