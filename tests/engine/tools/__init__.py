"""The tools a model may call, each at work on a window."""
