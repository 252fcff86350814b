"""Errors of files, disks and memory in words: the one boundary where what a library raises becomes a sentence."""

import csv
import json

import yaml

from vqaudio.core.errors import VqaudioError

FOREIGN = ("pyarrow.", "safetensors")  # libraries that are asked by name, for importing them takes long
NO_MEMORY = ("OutOfMemoryError", "DefaultCPUAllocator", "CUDA out of memory")


def explain(error: Exception) -> str | None:
    """Say in a sentence what a user can mend, or None for a mistake of the program, whose traceback is wanted."""
    kind = type(error)
    if isinstance(error, VqaudioError):
        return str(error)
    if isinstance(error, OSError):
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        return f"{' -> '.join(names) or 'the system'}: {error.strerror or error}"
    if isinstance(error, MemoryError) or any(word in f"{kind.__name__}: {error}" for word in NO_MEMORY):
        return "not enough memory; fewer files in flight (--batch-size), fewer workers or a smaller codec need less"
    if isinstance(error, RecursionError):
        return "a file is nested too deeply to be read; it is damaged"
    is_foreign = f"{kind.__module__}.".startswith(FOREIGN)
    if is_foreign or isinstance(error, (json.JSONDecodeError, UnicodeError, csv.Error, yaml.YAMLError)):
        return f"a file cannot be read: {' '.join(str(error).split())}; it is damaged, or of another kind"
    return None
