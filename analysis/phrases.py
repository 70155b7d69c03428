"""How counts are said in plain words; nothing here computes one."""

from collections.abc import Sequence

from analysis.detecting import Measure
from analysis.statistics import wilson

_QUOTED_CHARS = 120


def percent(rate: float) -> str:
    """A fraction as per cent with one decimal: 0.984375 → `98.4 %`."""
    return f"{rate * 100:.1f} %"


def plural(count: int, noun: str) -> str:
    """`1 call`, `1,432 calls`."""
    many = noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else noun + "s"
    return f"{count:,} {noun if count == 1 else many}"


def rated(measure: Measure, noun: str) -> str:
    """`63 of 64 calls (98.4 %, 95 % CI 91.7–99.7 %), in 13 traces`."""
    affected, of = len(measure.affected), measure.opportunities
    low, high = wilson(affected, of)
    interval = f"95 % CI {low * 100:.1f}–{high * 100:.1f} %"
    return f"{fraction(measure, noun)} ({percent(affected / of if of else 0.0)}, {interval}), in {where(measure)}"


def fraction(measure: Measure, noun: str) -> str:
    """`63 of 64 calls`."""
    return f"{len(measure.affected):,} of {plural(measure.opportunities, noun)}"


def where(measure: Measure) -> str:
    """`13 traces`."""
    return plural(len({trace_id for trace_id, _ in measure.affected}), "trace")


def quoted(text: str, most: int = _QUOTED_CHARS) -> str:
    """Text from a span on one line, cut to a length a title bears, in quotation marks."""
    line = one_line(text)
    return f"“{line if len(line) <= most else line[: most - 1] + '…'}”"


def listed(names: Sequence[str], most: int = 5) -> str:
    """`a, b and c`; beyond `most` names the number of the others."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1] if shown else ""


def sentence(*parts: str) -> str:
    """The parts that say something, as one paragraph."""
    return " ".join(part for part in parts if part)


def one_line(text: str) -> str:
    """Text without line breaks, control characters or runs of blanks: names in it may come from anywhere."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def points(difference: float) -> str:
    """A difference of rates in percentage points: 0.326 → `32.6 points`."""
    return f"{difference * 100:.1f} points"


def p_said(p_value: float) -> str:
    """A p-value as people read it: `p = 0.003`, `p < 0.001`."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def significant(value: float | None, digits: int = 4) -> float | None:
    """A figure with so many significant digits, as reports state it."""
    return None if value is None else float(f"{value:.{digits}g}")
