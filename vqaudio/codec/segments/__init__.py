"""Encoders whose codes are segments: runs of frames that share a code."""
