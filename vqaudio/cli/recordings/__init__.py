"""Verbs about recordings and their codes."""
