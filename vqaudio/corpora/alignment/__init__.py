"""Alignments of words and phones, in every format that aligners and hands write."""
