"""control.db: agents' runs, conversations, schedules, reports, evidence and deliveries; the precious part."""

from store.control.archive import kept_evidence
from store.control.control import SqliteControl, open_control, protected_selections
from store.control.queue import selection_of

__all__ = ["SqliteControl", "kept_evidence", "open_control", "protected_selections", "selection_of"]
