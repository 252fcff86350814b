"""Tokenizing of recordings: files in, rows of a token store out."""
