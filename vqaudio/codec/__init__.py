"""Floor 2: the codec, and everybody else's codecs behind the same protocol."""
