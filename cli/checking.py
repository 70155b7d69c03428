"""`halo validate`, `halo print-config`, `halo components`: the configuration before anything runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cli.options import Command, json_option
from cli.output import print_json, print_pairs


def config_options(command: Command) -> Command:
    """`--config`, `--set` and `--data-dir`, as `halo serve` takes them."""
    options: list[Callable[[Command], Command]] = [
        click.option(
            "--config",
            "files",
            multiple=True,
            type=click.Path(path_type=Path),
            help="YAML file; several are merged, later ones win.  [default: built-in defaults]",
        ),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="A.B=C",
            help="Override one setting, e.g. store.retention.max_age=7d; repeatable.",
        ),
        click.option(
            "--data-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="Data directory.  [default: HALO_DATA_DIR, store.directory, ./halo-data]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@config_options
@json_option
def validate(files: tuple[Path, ...], overrides: tuple[str, ...], data_dir: Path | None, as_json: bool) -> None:
    """Check the configuration: every mistake at once, exit 2 if there is one.

    What is allowed and yet probably not meant is told as well.
    """
    from cli.cautions import cautions
    from cli.config import load_config
    from cli.detectors import detector_problems

    config = load_config(files, overrides, data_dir, check_detectors=detector_problems)
    if as_json:
        print_json({"valid": True, "data_dir": str(config.data_dir), "cautions": list(cautions(config))})
        return
    for caution in cautions(config):
        click.echo(f"caution: {caution}", err=True)
    click.echo(f"The configuration is valid; data would go to {config.data_dir}.")


@click.command("print-config")
@config_options
@json_option
def print_config(files: tuple[Path, ...], overrides: tuple[str, ...], data_dir: Path | None, as_json: bool) -> None:
    """Print the configuration that `halo serve` would use, defaults filled in, secrets hidden."""
    from cli.config import load_config, shown_config
    from cli.detectors import detector_problems

    shown = shown_config(load_config(files, overrides, data_dir, check_detectors=detector_problems))
    if as_json:
        print_json(shown)
        return
    import yaml

    click.echo(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True), nl=False)


KINDS = {
    "receivers": "collector.receivers",
    "processors": "collector.processors",
    "forwarders": "collector.forwarders",
    "exporters": "collector.exporters",
    "detectors": "analysis.detectors",
    "stores": "store.backends",
}


@click.command()
@json_option
def components(as_json: bool) -> None:
    """List the components that halo.yaml can name, with what each is for."""
    from domain.component import component_types, load_component

    found: dict[str, dict[str, Any]] = {
        kind: {name: _first_line(load_component(place, name)) for name in component_types(place)}
        for kind, place in KINDS.items()
    }
    if as_json:
        print_json(found)
        return
    for kind, entries in found.items():
        click.echo(f"{kind}:")
        print_pairs([(f"  {name}", summary) for name, summary in entries.items()])


def _first_line(module: Any) -> str:
    return str(module.__doc__ or "").strip().partition("\n")[0]
