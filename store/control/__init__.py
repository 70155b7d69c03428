"""control.db: agents' runs, conversations, schedules, reports, evidence and deliveries; the precious part."""

from store.control.control import SqliteControl, open_control, protected_selections
from store.control.queue import selection_of

__all__ = ["SqliteControl", "open_control", "protected_selections", "selection_of"]
