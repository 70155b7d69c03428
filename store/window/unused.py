"""Collecting strings that no span uses any more: dictionaries are bounded by what the window holds.

The search reads the whole index and so runs beside the arrivals. The writer forgets its numbers before it
begins, so that every string used since then is known to the writer again and is spared.
"""

import sqlite3
from itertools import islice

from store.window.writer import Writer

_STEP = 2_000
_UNUSED = """
SELECT id FROM strings WHERE id NOT IN (
    SELECT service FROM spans UNION SELECT name FROM spans
    UNION SELECT provider FROM spans WHERE provider IS NOT NULL
    UNION SELECT model FROM spans WHERE model IS NOT NULL
    UNION SELECT tool FROM spans WHERE tool IS NOT NULL
    UNION SELECT error FROM spans WHERE error IS NOT NULL
    UNION SELECT agent_id FROM spans WHERE agent_id IS NOT NULL
    UNION SELECT agent_name FROM spans WHERE agent_name IS NOT NULL
    UNION SELECT root_name FROM traces WHERE root_name IS NOT NULL
    UNION SELECT service FROM traces WHERE service IS NOT NULL)
"""


def collect_unused(connection: sqlite3.Connection, writer: Writer) -> int:
    """Delete unused strings; how many. `connection` reads."""

    def begin(_: sqlite3.Connection) -> int:
        writer.ingest.dictionary.forget()
        return writer.ingest.dictionary.generation

    generation = writer.call(begin)
    unused = iter([number for (number,) in connection.execute(_UNUSED)])
    deleted = 0
    while step := list(islice(unused, _STEP)):

        def delete(writing: sqlite3.Connection, step: list[int] = step) -> int:
            dictionary = writer.ingest.dictionary
            if dictionary.generation != generation:
                return -1
            known = set(dictionary.values())
            numbers = [(number,) for number in step if number not in known]
            return writing.executemany("DELETE FROM strings WHERE id = ?", numbers).rowcount

        count = writer.call(delete)
        if count < 0:
            break
        deleted += count
    return deleted
