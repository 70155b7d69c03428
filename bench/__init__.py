"""Measurements: every row prints a figure, its bar and, where one exists, a ratio to a baseline of the same run.

Rules: default configuration, real processes, the stock exporter's encoding, distinct ids, at least 30 % LLM
spans with messages, content about as compressible as real traces are. Nothing here asserts.
"""
