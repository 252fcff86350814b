"""Floor 0: errors, the time grid, configuration, files.  Nothing here imports torch."""
