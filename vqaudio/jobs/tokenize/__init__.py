"""Recordings to codes: files in, rows of a token store out."""
