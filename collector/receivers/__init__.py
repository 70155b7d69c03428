"""Receivers: how spans come in. A receiver is a file here; its name is its type in halo.yaml."""
