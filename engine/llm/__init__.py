"""Talking to language models: everything that speaks the OpenAI-compatible protocol, on either side of it."""
