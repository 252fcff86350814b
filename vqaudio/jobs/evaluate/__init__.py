"""Comparison of codecs on the same recordings: decoding, scoring, reports."""
