"""Nouns, promises, OTLP message types and semantic conventions: what every room may speak of.

Floor 1. Imports nothing of the project, so that any room can import it.
"""
