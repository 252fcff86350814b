"""Verbs that feed language models and let them speak."""
