"""The codes of one recording as a row of bytes: a `.codes` file, or a pipe while somebody still speaks."""
