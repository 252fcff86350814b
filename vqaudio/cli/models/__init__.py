"""Verbs that make codecs and take them to other programs."""
