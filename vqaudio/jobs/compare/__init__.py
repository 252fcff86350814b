"""Tokenizers side by side: quality, meaning, speed, exactness."""
