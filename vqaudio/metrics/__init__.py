"""Floor 2: metrics of decoded speech and of codes, numbers from arrays.  Nothing here imports torch or a codec.

Everywhere below NaN means "cannot be scored", never "bad": whoever takes a mean counts it.
"""
