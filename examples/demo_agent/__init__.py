"""A customer support agent that makes honest mistakes, and counts them while it makes them.

A real agent in every part but one: OpenTelemetry SDK, stock OTLP exporter, the `openai` client instrumented
by OpenInference, tools that work on a data set; only the model is scripted. A seed decides which tickets
come in and where things go wrong. What went wrong is counted where it happens, never read from a plan, so a
report about the agent's traces can be held against the agent's own numbers.
"""
