"""Phone-like classes without labels, for an encoder of units to learn."""
