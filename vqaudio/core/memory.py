"""Memory that was freed goes back to the system."""

import ctypes


def release_free_memory() -> bool:
    """Give freed pages back to the system; returns whether the C library can do so (glibc's `malloc_trim`).

    glibc keeps what lies between blocks in use: with readers and encoders in threads that grew by 10 KB a recording.
    It takes some 20 ms for half a gigabyte.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return False
    trim(0)
    return True
