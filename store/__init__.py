"""All that is remembered, and the only room that knows SQLite."""
