"""What no linter knows: the rules that keep the house as ARCHITECTURE.md draws it."""
