"""What verbs show on a terminal: progress, tables, and how a run is interrupted."""
