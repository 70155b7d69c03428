"""The short cut of every search: spans whose bytes lack a text are not written out as lines."""

import gzip
import json
import re
from pathlib import Path

from domain.halo_lines import line_objects, line_text
from engine.querying.expressions import Expression, Limit
from engine.querying.predicates import has_bytes
from tests.engine.querying.planted import at_work_on_lines

WORDS = 400


async def test_the_short_cut_hides_no_match(shared_data: Path, tmp_path: Path) -> None:
    """For words of real lines, keys and JSON's own words among them: whatever matches is looked at."""
    text = gzip.decompress((shared_data / "traces" / "halo" / "realistic_traces.jsonl.gz").read_bytes()).decode()
    lines = [json.loads(each) for each in text.splitlines()[:300]]
    with at_work_on_lines(tmp_path, lines) as work:
        traces = list(work.window.reader.read(work.window.reader.keys(work.window.selection)))
    written = [
        (stored, line_text(line))
        for trace in traces
        for stored, line in zip(trace.spans, line_objects(trace.spans), strict=True)
    ]
    words = sorted(set(re.findall(r"[^\W]{3,}(?:[ -]\w+)?", " ".join(line for _, line in written))))
    chosen = words[:: max(len(words) // WORDS, 1)]
    limit, helped = Limit(60), 0
    for word in chosen:
        expression = Expression(word + r"(?:\W|$)")
        needle = expression.required.encode()
        helped += bool(needle)
        for stored, line in written:
            if not has_bytes(stored, needle):
                assert not expression.is_in(line, limit), f"{word!r} is in a line whose bytes lack {needle!r}"
    assert helped > len(chosen) // 4
