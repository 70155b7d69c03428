"""The generated parts of README.md: an excerpt of docs/example-report.md, and the settings people change first."""

from pages.configuration import every_setting
from pages.settings import settings_table

FIRST, STOP = "### 1. ", "**Recorded examples**"
CHOSEN = (
    "store.directory",
    "store.retention.max_age",
    "store.retention.max_bytes",
    "receivers.otlp.protocols.grpc.endpoint",
    "receivers.otlp.protocols.http.endpoint",
    "exporters.webhook.url",
    "exporters.webhook.format",
    "exporters.otlp.endpoint",
    "api.endpoint",
    "api.token",
    "health.endpoint",
    "logging.format",
)


def markdown(readme: str, report: str) -> str:
    """The README with its generated parts renewed."""
    known = {setting.path: setting for setting in every_setting()}
    table = settings_table([known[path] for path in CHOSEN])
    return inserted(inserted(readme, "excerpt", first_finding(report)), "settings", table)


def first_finding(report: str) -> str:
    """The first finding of a Markdown report, without its quotes and its brief, as a quotation."""
    _, heading, rest = report.partition(FIRST)
    finding = f"{heading}{rest.partition(STOP)[0].rstrip()}"
    return "\n".join(f"> {line}".rstrip() for line in finding.splitlines())


def inserted(readme: str, name: str, body: str) -> str:
    """The README with a part between its markers; ValueError when it has no such markers."""
    begin, end = f"<!-- {name}: written by `make docs` -->", f"<!-- end of {name} -->"
    before, _, rest = readme.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"README.md has no {begin} … {end}")
    return f"{before}{begin}\n\n{body}\n\n{end}{after}"
