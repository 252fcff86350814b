"""One reader for each public corpus."""
