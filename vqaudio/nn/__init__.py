"""Floor 1: causal convolution networks with explicit streaming state."""
