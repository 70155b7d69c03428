"""Configuration files, overrides and environment variables become one mapping."""

from pathlib import Path

import pytest

from cli.layers import read_layers
from domain.errors import ConfigError


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_later_files_and_overrides_win_key_by_key(tmp_path: Path) -> None:
    """A deployment lays a few lines over a common file."""
    common = written(tmp_path / "a.yaml", "store: {directory: /data, retention: {max_age: 30d}}\nexporters: {file: {}}")
    own = written(tmp_path / "b.yaml", "store: {retention: {max_spans: 5}}\nexporters: {webhook: {url: x}}")
    overrides = ["store.retention.max_age=7d", "api.insecure=true", r"analysis.detectors.my\.detector.limit=[1, 2]"]

    assert read_layers([common, own], overrides, {}) == {
        "store": {"directory": "/data", "retention": {"max_age": "7d", "max_spans": 5}},
        "exporters": {"file": {}, "webhook": {"url": "x"}},
        "api": {"insecure": True},
        "analysis": {"detectors": {"my.detector": {"limit": [1, 2]}}},
    }


def test_environment_variables_are_expanded_as_text(tmp_path: Path) -> None:
    """A token made of digits must not become a number, and an empty one counts as not set."""
    file = written(
        tmp_path / "a.yaml",
        "api: {token: '${env:TOKEN}', endpoint: '${env:HOST:-127.0.0.1}:${env:PORT:-4320}'}\n"
        "exporters: {webhook: {url: '${HOOK:-}', headers: {price: $$5}}}",
    )

    assert read_layers([file], [], {"TOKEN": "12345", "PORT": "9"}) == {
        "api": {"token": "12345", "endpoint": "127.0.0.1:9"},
        "exporters": {"webhook": {"url": None, "headers": {"price": "$5"}}},
    }


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """A missing file must not hide a missing variable."""
    broken = written(tmp_path / "broken.yaml", "store: {directory: x\n")
    flat = written(tmp_path / "flat.yaml", "just text")
    good = written(tmp_path / "good.yaml", "api: {token: '${env:NO_SUCH}'}")

    with pytest.raises(ConfigError) as error:
        read_layers([tmp_path / "absent.yaml", broken, flat, good], ["nonsense", "a..b=1", "x=[1"], {})

    said = "\n".join(error.value.problems)
    assert len(error.value.problems) == 7
    assert "absent.yaml: cannot be read: No such file or directory" in said
    assert "broken.yaml:2: no valid YAML" in said
    assert "flat.yaml: must be a mapping" in said
    assert "--set nonsense: write path=value" in said
    assert "api.token: environment variable NO_SUCH is not set; set it or write ${env:NO_SUCH:-default}" in said


def test_files_are_read_from_where_the_configuration_is(tmp_path: Path) -> None:
    """Kubernetes mounts a secret as a file beside it; a newline at its end is not part of it."""
    (tmp_path / "secrets").mkdir()
    written(tmp_path / "secrets" / "token", "s3cret $$ ${env:X}\n")
    absolute = written(tmp_path / "other", "there")
    file = written(
        tmp_path / "a.yaml",
        f"api: {{token: '${{file:secrets/token}}'}}\nexporters: {{webhook: {{url: 'x-${{file:{absolute}}}'}}}}",
    )

    assert read_layers([file], [], {}) == {
        "api": {"token": "s3cret $$ ${env:X}"},
        "exporters": {"webhook": {"url": "x-there"}},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env:A:-${env:B:-c}}", "c"),
        ("${env:A:-${env:SET}}!", "set!"),
        ("${SET}${env:SET}", "setset"),
        ("$${env:SET}", "${env:SET}"),
        ("$$$${SET}", "$${SET}"),
        ("${env:EMPTY:-default}", "default"),
        ("${not a name}", "${not a name}"),
        ("${env:SET", "${env:SET"),
        ("costs 5$", "costs 5$"),
        ("$${file:x}", "${file:x}"),
        ("${env:A:-}x", "x"),
    ],
)
def test_references_stand_for_what_they_name(tmp_path: Path, text: str, value: str) -> None:
    """What the Collector's users write means here what it means there."""
    file = written(tmp_path / "a.yaml", f"api: {{token: '{text}'}}")

    assert read_layers([file], [], {"SET": "set", "EMPTY": ""}) == {"api": {"token": value}}


def test_what_a_reference_cannot_have_is_told(tmp_path: Path) -> None:
    """A missing secret must stop the start, and not become an empty token."""
    file = written(tmp_path / "a.yaml", "api: {token: '${file:absent}'}")
    with pytest.raises(ConfigError) as missing:
        read_layers([file], [], {})
    with pytest.raises(ConfigError) as endless:
        read_layers([], ["api.token='" + "${A:-x}" * 1_001 + "'"], {})

    assert list(missing.value.problems) == [
        f"api.token: {tmp_path / 'absent'} cannot be read: No such file or directory; create it or correct the path"
    ]
    assert list(endless.value.problems) == ["api.token: more than 1000 references; write the values out"]
