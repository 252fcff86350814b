"""A language model of codes: what was once a corpus becomes a distribution to sample from."""
