"""Keeping a long conversation within a model's context: what is shortened, and what can be had back."""
