"""The strings of window.db by number, looked up once and remembered by the one writer.

What was added in a transaction is forgotten when that is rolled back. The memory is bounded; `generation`
tells the collector of unused strings whether it still knows every number handed out since it began.
"""

import sqlite3

_MAX_REMEMBERED = 50_000


class Dictionary(dict[str | None, int | None]):
    """`dictionary[text]` is the number of a text, made if need be; None is None."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__({None: None})
        self._connection = connection
        self._uncommitted: list[str] = []
        self.generation = 0

    def __missing__(self, text: str | None) -> int | None:
        row = self._connection.execute("SELECT id FROM strings WHERE text = ?", (text,)).fetchone()
        if row is None:
            row = (self._connection.execute("INSERT INTO strings (text) VALUES (?)", (text,)).lastrowid,)
            self._uncommitted.append(text or "")
        number = self[text] = int(row[0])
        return number

    def committed(self) -> None:
        """What was added is there to stay; makes room when too much is remembered."""
        self._uncommitted.clear()
        if len(self) > _MAX_REMEMBERED:
            self.forget()

    def rolled_back(self) -> None:
        """What was added is gone."""
        for text in self._uncommitted:
            self.pop(text, None)
        self._uncommitted.clear()

    def forget(self) -> None:
        """Remember nothing."""
        self.generation += 1
        self.clear()
        self[None] = None
