"""One self-contained HTML page about a codec, with sound, pictures and tables inside."""
