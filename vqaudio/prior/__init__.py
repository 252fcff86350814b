"""The prior, a language model of codes: it gives the probability of a sequence of codes, and new ones to decode."""
