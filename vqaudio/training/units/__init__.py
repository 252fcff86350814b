"""Phone-like classes without labels, targets for training an encoder of units."""
