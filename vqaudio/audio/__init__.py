"""Floor 1: sound files in and out, resampled to the rate asked for.  Only `spectral.py` imports torch."""
