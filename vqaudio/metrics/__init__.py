"""Floor 2: numbers from arrays.  Nothing here imports torch or a codec.

Everywhere below NaN means "cannot be scored", never "bad": whoever takes a mean counts it (law 7).
"""
