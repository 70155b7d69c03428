"""The agents of one engine run: the root, and the subagents it may call."""
