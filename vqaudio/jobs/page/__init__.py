"""One HTML page about a codec that opens from the disk: everything it shows is inside it."""
