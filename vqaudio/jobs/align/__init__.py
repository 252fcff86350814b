"""Words and phones of recordings whose text is known."""
