"""When to look, and what becomes of a run."""
