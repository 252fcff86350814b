"""Floor 3: whole corpora through a codec."""
