"""Codes that other programs made, read from their files into a token store."""
