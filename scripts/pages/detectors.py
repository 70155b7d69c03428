"""docs/detectors.md: what is looked for without a model, from the detectors' own words."""

from inspect import getdoc
from types import ModuleType

from domain.component import component_types, load_component
from pages.settings import settings, settings_table
from pages.tables import page

KIND = "analysis.detectors"
ABOUT = """\
Detectors look at *facts*: one flat row a span. Each says what it counts, of what, and where it is known to be wrong.
A detector whose fields are not recorded in a window does not look, and the report lists it under "not observable".

In `halo.yaml` a detector's settings stand under `analysis.detectors.<name>`.
"""


def paragraphs(module: ModuleType) -> tuple[str, list[str]]:
    """The first line of a module's docstring, and its list of what it counts, excludes and gets wrong."""
    first, _, rest = (getdoc(module) or "").partition("\n")
    points: list[str] = []
    for line in rest.strip().splitlines():
        if ":" in line and line[:1].isupper() and len(line.partition(":")[0].split()) <= 4:
            points.append(line)
        elif points:
            points[-1] += f" {line}"
        else:
            points.append(line)
    return first, points


def section(name: str) -> str:
    """One detector."""
    module = load_component(KIND, name)
    first, points = paragraphs(module)
    detector = module.create(module.Config())
    parts = [f"## {name}", first, "\n".join(f"- {point}" for point in points if point)]
    if detector.requires:
        parts.append(f"Needs: {', '.join(f'`{field}`' for field in detector.requires)}.")
    parts.append(settings_table(settings(module.Config)))
    return "\n\n".join(part for part in parts if part)


def markdown() -> str:
    """The page."""
    return page("Detectors", ABOUT, *(section(name) for name in component_types(KIND)))
