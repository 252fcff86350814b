"""The formats that other programs read, one file for each: a writer, and a reader that shares no code with it."""
