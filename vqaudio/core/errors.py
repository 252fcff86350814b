"""The one exception a user sees without a traceback."""


class VqaudioError(Exception):
    """Something the user can mend: the message says what came, what was wanted and what to do."""
