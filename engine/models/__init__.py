"""What goes into an engine run and what comes out of it: messages, and the events of a run."""
