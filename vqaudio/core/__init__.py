"""Floor 0: errors, the time grid, configuration.  Nothing here imports torch."""
