"""Verbs that measure and show."""
