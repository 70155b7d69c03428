"""Reports rendered for people, coding agents, Slack and tracing backends."""
