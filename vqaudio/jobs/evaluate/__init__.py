"""Codecs compared on the same recordings: decode, score, tell."""
