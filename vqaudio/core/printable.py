"""Lines for a terminal: what steers it, or cannot be seen, is written out."""


def printable(line: str) -> str:
    r"""Write out the characters of a line that are not printable: names of files may hold any.

    Line ends would forge further lines, escapes steer the terminal, and marks of direction turn words round.

    >>> print(printable("a\nb.wav"))
    a\nb.wav
    """
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
