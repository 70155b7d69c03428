"""The charts of a report: how often with its interval, a rate over time, the window's health at a glance.

A table with the same numbers stands beside each, so nothing is told by colour or shape alone.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from math import ceil

from markupsafe import Markup

from domain.report import Counts, TimelinePoint, TrendPoint
from rendering import figures
from rendering.drawing import element, hint, picture, text

_WIDTH = 720.0
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.8, 1.0)
_SHADES = 5


def interval_bar(name: str, counts: Counts) -> Markup:
    """A rate between 0 and 100 % as a dot on its 95 % interval."""
    width, middle, left = 240.0, 9.0, 8.0
    scale = width - 2 * left
    low, high = left + counts.ci_low * scale, left + counts.ci_high * scale
    return picture(
        name,
        f"Rate {figures.percent(counts.rate)}",
        f"{figures.interval(counts)}, on a scale from 0 to 100 %.",
        (width, 18.0),
        element("line", class_="track", x1=left, y1=middle, x2=width - left, y2=middle),
        element("rect", class_="interval", x=low, y=middle - 4, width=max(high - low, 2.0), height=8.0, rx=4.0),
        element("circle", class_="dot", cx=left + counts.rate * scale, cy=middle, r=5.0),
    )


def trend(name: str, points: Sequence[TrendPoint]) -> Markup:
    """A rate over the window's time with its 95 % interval in each stretch."""
    left, right, top, bottom, height = 44.0, 8.0, 10.0, 24.0, 150.0
    begin, end = points[0].start, points[-1].end
    ceiling = next((step for step in _STEPS if step >= max(_rate(point) for point in points) * 1.15), 1.0)
    floor = height - bottom

    def x(time: datetime) -> float:
        return left + (_WIDTH - left - right) * ((time - begin) / (end - begin) if end > begin else 0.5)

    def y(rate: float) -> float:
        return floor - (floor - top) * min(rate / ceiling, 1.0)

    centres = [(x(point.start + (point.end - point.start) / 2), y(_rate(point))) for point in points]
    bands = [_band(point, x, y) for point in points]
    dots = [
        element("circle", hint(_told(point)), class_="dot", cx=at, cy=level, r=3.5)
        for point, (at, level) in zip(points, centres, strict=True)
    ]
    return picture(
        name,
        "The rate over the window's time",
        f"From {figures.percent(_rate(points[0]))} in the first stretch to {figures.percent(_rate(points[-1]))} in the "
        f"last; at most {figures.percent(max(map(_rate, points)))}.",
        (_WIDTH, height),
        *_grid(ceiling, left, _WIDTH - right, y),
        *bands,
        *(element("polyline", class_="curve", points=line) for line in _lines(points, centres)),
        *dots,
        *_edges(begin, end, left, _WIDTH - right, height - 6),
    )


def spark(name: str, points: Sequence[TrendPoint]) -> Markup:
    """The same curve, as small as a word."""
    width, height = 72.0, 18.0
    ceiling = max(*map(_rate, points), 0.01)
    step = (width - 4) / max(len(points) - 1, 1)
    path = " ".join(
        f"{2 + at * step:.1f},{height - 3 - (height - 6) * _rate(point) / ceiling:.1f}"
        for at, point in enumerate(points)
    )
    return picture(
        name,
        "The rate over the window's time, in small",
        "Its numbers stand with the finding.",
        (width, height),
        element("polyline", class_="curve", points=path),
    )


def heat_strip(name: str, points: Sequence[TimelinePoint]) -> Markup:
    """The window's traces, the share of failing ones, and leaf errors, each in equal stretches of time."""
    left, right, height, row = 64.0, 2.0, 112.0, 22.0
    cell = (_WIDTH - left - right) / len(points)
    most_traces = max(point.traces for point in points) or 1
    most_errors = max(point.leaf_errors for point in points) or 1
    parts: list[str] = []
    for at, point in enumerate(points):
        if not point.traces:
            continue
        x, width, said = left + at * cell, max(cell - 1.5, 1.0), hint(_told_of(point))
        bar = max(30.0 * point.traces / most_traces, 1.0)
        parts.append(element("rect", said, class_="bar", x=x, y=36 - bar, width=width, height=bar))
        shares = (42.0, point.failing_traces / point.traces), (45.0 + row, point.leaf_errors / most_errors)
        parts += [
            element("rect", said, class_=_shade(share), x=x, y=top, width=width, height=row, rx=2)
            for top, share in shares
        ]
    labels = [text(words, 0.0, at, class_="label") for words, at in (("traces", 28), ("failing", 57), ("errors", 82))]
    failing_traces = sum(point.failing_traces for point in points)
    return picture(
        name,
        "The window at a glance",
        f"{figures.count(sum(point.traces for point in points), 'trace')} in {len(points)} equal stretches of time; "
        f"{failing_traces:,} of them failing, with {sum(point.leaf_errors for point in points):,} leaf errors.",
        (_WIDTH, height),
        *labels,
        *parts,
        *_edges(points[0].start, points[-1].end, left, _WIDTH - right, height - 4),
    )


def _rate(point: TrendPoint) -> float:
    return point.affected / point.opportunities if point.opportunities else 0.0


def _lines(points: Sequence[TrendPoint], centres: Sequence[tuple[float, float]]) -> list[str]:
    """The curve in pieces: it is not drawn through stretches in which nothing could be counted."""
    lines = [""]
    for at, (x, y) in enumerate(centres):
        if at and points[at].start > points[at - 1].end:
            lines.append("")
        lines[-1] += f"{x:.1f},{y:.1f} "
    return [line.rstrip() for line in lines]


def _told(point: TrendPoint) -> str:
    return f"{figures.moment(point.start)}: {point.affected:,} of {point.opportunities:,}"


def _told_of(point: TimelinePoint) -> str:
    return (
        f"{figures.moment(point.start)}: {figures.count(point.traces, 'trace')}, {point.failing_traces:,} failing, "
        f"{figures.count(point.leaf_errors, 'leaf error')}"
    )


def _band(point: TrendPoint, x: Callable[[datetime], float], y: Callable[[float], float]) -> Markup:
    begin, end, upper, lower = x(point.start), x(point.end), y(point.ci_high), y(point.ci_low)
    width = max(min(end - begin - 4, 16.0), 2.0)
    middle, height = (begin + end) / 2, max(lower - upper, 1.0)
    return element("rect", class_="interval", x=middle - width / 2, y=upper, width=width, height=height, rx=4)


def _grid(ceiling: float, begin: float, end: float, y: Callable[[float], float]) -> list[Markup]:
    parts = []
    for share in (0.0, 0.5, 1.0):
        level = y(ceiling * share)
        parts.append(element("line", class_="grid", x1=begin, y1=level, x2=end, y2=level))
        parts.append(text(_percent(ceiling * share), begin - 6, level + 4, class_="label end"))
    return parts


def _edges(begin: datetime, end: datetime, left: float, right: float, y: float) -> list[Markup]:
    return [
        text(figures.moment(begin), left, y, class_="label"),
        text(figures.moment(end), right, y, class_="label end"),
    ]


def _percent(rate: float) -> str:
    return f"{rate * 100:.3g} %"


def _shade(share: float) -> str:
    return f"heat-{ceil(min(share, 1.0) * _SHADES)}"
