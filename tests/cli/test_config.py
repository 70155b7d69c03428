"""halo.yaml: defaults that work, and every mistake named at once with its path and the fix."""

import dataclasses
from pathlib import Path

import pytest

from cli.config import HaloConfig, load_config, shown_config
from domain.errors import ConfigError
from tests.conftest import REPOSITORY


def problems_of(text: str, tmp_path: Path, *overrides: str) -> list[str]:
    """What is wrong with a configuration."""
    path = tmp_path / "halo.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config([path], overrides, environment={})
    return list(error.value.problems)


def test_nothing_has_to_be_configured() -> None:
    """One command on a fresh machine."""
    shown = shown_config(load_config(environment={}))

    assert shown["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"] == "127.0.0.1:4317"
    assert shown["receivers"]["otlp"]["protocols"]["http"]["endpoint"] == "127.0.0.1:4318"
    assert shown["api"]["endpoint"] == "127.0.0.1:4320"
    assert shown["health"]["endpoint"] == "127.0.0.1:13133"
    assert shown["store"]["directory"] == "halo-data"
    assert list(shown["exporters"]) == ["file"]


def test_the_file_in_the_repository_says_what_happens_without_one() -> None:
    """It is where people start from; a stale one would change behaviour the moment it is used."""
    written = shown_config(load_config([REPOSITORY / "halo.yaml"], environment={}))

    assert written == shown_config(load_config(environment={}))


def test_every_mistake_is_named_with_its_path_and_the_fix(tmp_path: Path) -> None:
    """Whoever deploys by a pipeline gets one try a quarter of an hour."""
    text = """
        recievers: {}
        receivers: {otlp: {protocols: {grpc: {endpoint: localhost}}}, kafka: {}}
        store: {retention: {max_age: soon, max_byte: 5}}
        exporters: {webhook: {}}
        delivery: {max_attempts: 0}
        scheduler: {run_timeout: -1s}
        api: {endpoint: '0.0.0.0:4320'}
        health: {endpont: x}
        logging: {level: loud}
        analysis: [retry_storm]
    """
    problems = problems_of(text, tmp_path)
    paths = [problem.partition(":")[0] for problem in problems]

    assert paths == [
        "recievers",
        "store.retention.max_age",
        "store.retention.max_byte",
        "receivers.otlp.protocols.grpc.endpoint",
        "receivers.kafka",
        "exporters.webhook.url",
        "delivery.max_attempts",
        "scheduler.run_timeout",
        "analysis",
        "logging.level",
        "api",
        "health.endpont",
    ]
    said = dict(zip(paths, problems, strict=True))
    assert "did you mean receivers?" in said["recievers"]
    assert "did you mean max_bytes?" in said["store.retention.max_byte"]
    assert "use one of: otlp" in said["receivers.kafka"]
    assert "did you mean endpoint?" in said["health.endpont"]


def test_a_collectors_configuration_is_told_about_forwarders(tmp_path: Path) -> None:
    """Many will paste the Collector's file first."""
    text = """
        receivers: {otlp: {protocols: {grpc: {}}}}
        processors: {batch: {}}
        exporters: {otlphttp: {endpoint: 'https://backend'}, otlp: {endpoint: 'backend:4317', tls: {insecure: true}}}
        service: {pipelines: {traces: {receivers: [otlp], exporters: [otlphttp]}}}
    """
    problems = {problem.partition(":")[0]: problem for problem in problems_of(text, tmp_path)}

    assert "`forwarders`" in problems["service"]
    assert "`forwarders`" in problems["exporters.otlphttp"]
    assert "`forwarders`" in problems["exporters.otlp.tls"]
    assert "needs no batch" in problems["processors.batch"]


@pytest.mark.parametrize(
    ("flag", "variable", "setting", "wanted"),
    [
        ("/flag", "/variable", "/setting", "/flag"),
        (None, "/variable", "/setting", "/variable"),
        (None, None, "/setting", "/setting"),
        (None, None, None, "halo-data"),
    ],
)
def test_the_data_directory_is_the_most_specific_that_is_given(
    flag: str | None, variable: str | None, setting: str | None, wanted: str
) -> None:
    """A pod sets the variable, a person types the flag."""
    overrides = [f"store.directory={setting}"] if setting else []
    environment = {"HALO_DATA_DIR": variable} if variable else {}
    config = load_config([], overrides, Path(flag) if flag else None, environment)

    assert config.data_dir == Path(wanted)


def test_an_unknown_backend_is_named_by_its_setting() -> None:
    """The loader knows files; people know settings."""
    with pytest.raises(ConfigError, match=r"^store.backend: unknown type 'postgres'; use one of: sqlite$"):
        load_config([], ["store.backend=postgres"], environment={})


def test_an_override_changes_one_setting_of_the_defaults() -> None:
    """`--set` on one port must not switch the other protocol off."""
    shown = shown_config(load_config([], ["receivers.otlp.protocols.grpc.endpoint=127.0.0.1:9"], environment={}))

    assert shown["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"] == "127.0.0.1:9"
    assert shown["receivers"]["otlp"]["protocols"]["http"]["endpoint"] == "127.0.0.1:4318"


def test_detectors_without_settings_use_their_defaults() -> None:
    """`retry_storm:` with nothing after it is how YAML says so."""
    config = load_config([], ["analysis.detectors.retry_storm=null"], environment={})

    assert config.analysis.detectors == {"retry_storm": {}}


def test_every_part_of_the_configuration_is_printed() -> None:
    """What print-config leaves out, nobody can check."""
    parts = {field.name for field in dataclasses.fields(HaloConfig)} - {"data_dir"}

    assert set(shown_config(load_config(environment={}))) == parts
