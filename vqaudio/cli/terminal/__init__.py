"""Output of verbs on a terminal: progress, tables, and interruption of a run."""
