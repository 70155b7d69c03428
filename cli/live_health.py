"""An agent's live health for people: what is on, what fails, how long things take."""

import click

from cli.output import Object, print_heading, print_pairs, print_table
from rendering.escaping import one_line

_SHOWN = 10
_TOOLS = (
    ("tool", lambda item: item["tool"]),
    ("calls", lambda item: item["calls"]),
    ("failed", lambda item: item["failures"]),
    ("rate", lambda item: _share(item["rate"], item["low"], item["high"])),
    ("not recovered", lambda item: item["unrecovered"]),
    ("p50", lambda item: _time(item["seconds"]["p50"])),
    ("p95", lambda item: _time(item["seconds"]["p95"])),
)
_SIGNATURES = (
    ("error", lambda item: _error(item["error_type"], item["template"])),
    ("of", lambda item: item["tool"] or item["kind"].lower()),
    ("spans", lambda item: item["spans"]),
    ("traces", lambda item: item["traces"]),
)


def print_health(health: Object | None, last: str) -> None:
    """Alarms first, then sums, then the tools and errors that fail most."""
    if health is None:
        click.echo("\nLive health is switched off; analysis.live.enabled: true switches it on.", err=True)
        return
    if health["alarms"]:
        print_heading("\nAlarms now")
        for alarm in health["alarms"]:
            click.echo(f"{alarm['kind'].replace('_', ' ')}: {one_line(alarm['text'])}")
    print_heading(f"\nThe last {last}, by the end of traces")
    if not health["traces"]:
        click.echo("No trace ended; a trace counts once its root has ended and it has been quiet.")
        return
    _print_sums(health)
    failing = [tool for tool in health["tools"] if tool["failures"]]
    if failing:
        print_heading("\nTools that fail")
        print_table(sorted(failing, key=lambda tool: -tool["failures"])[:_SHOWN], _TOOLS, empty="")
    if health["signatures"]:
        print_heading("\nErrors")
        print_table(health["signatures"][:_SHOWN], _SIGNATURES, empty="")


def _print_sums(health: Object) -> None:
    traces, seconds, tokens = health["traces"], health["trace_seconds"], health["trace_tokens"]
    failing = _share(health["failing_traces"] / traces, health["failing_low"], health["failing_high"])
    said = f"{health['failing_traces']:,} of {traces:,}, {failing}"
    print_pairs(
        [
            ("alarms", None if health["alarms"] else "none"),
            ("traces", f"{traces:,}, {health['spans']:,} spans"),
            ("failing", said),
            ("errors", f"{health['leaf_errors']:,} where they began, {health['error_spans']:,} spans in all"),
            ("duration", f"p50 {_time(seconds['p50'])}, p95 {_time(seconds['p95'])}"),
            ("tokens a trace", _tokens(tokens)),
            ("tokens", f"{health['input_tokens']:,} in, {health['output_tokens']:,} out"),
            ("calls", f"{health['model_calls']:,} of models, {health['tool_calls']:,} of tools"),
            ("cut answers", _of(health["cut_answers"], health["told_answers"])),
            ("never ended", health["hanging_traces"] or None),
            ("too long to follow", health["overflowed_traces"] or None),
        ]
    )


def _of(count: int, known: int) -> str | None:
    return f"{count:,} of {known:,}" if count else None


def _share(rate: float, low: float, high: float) -> str:
    """A share and its 95 % interval."""
    return f"{rate:.1%} ({low:.1%} to {high:.1%})"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:,.1f} s" if seconds >= 1 else f"{seconds * 1_000:,.0f} ms"


def _tokens(quantiles: Object) -> str | None:
    return None if quantiles["p50"] is None else f"p50 {quantiles['p50']:,.0f}, p95 {quantiles['p95']:,.0f}"


def _error(error_type: str, template: str) -> str:
    """An error's type and text; the type once where the text begins with it."""
    parts = [template] if template.startswith(error_type) else [error_type, template]
    return ": ".join(filter(None, parts)) or "not told"
