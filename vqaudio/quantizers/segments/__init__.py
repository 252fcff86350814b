"""Segments: runs of frames that share a code, found by dynamic programming over the distances to the codes."""
