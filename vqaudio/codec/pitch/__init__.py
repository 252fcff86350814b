"""Pitch beside units: F0 relative to the speaker's median, in steps, for codecs whose codes do not carry it."""
