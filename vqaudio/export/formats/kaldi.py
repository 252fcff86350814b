"""What Kaldi's data folders want beside the lines: names that sort by speaker, spk2utt, and commands that read audio.

`validate_data_dir.sh` wants utt2spk in the order of its utterances and of its speakers at once (LC_ALL=C).  So a name
begins with its speaker, and the mark between sorts before every character of a speaker.
"""

import os
import shlex
from itertools import groupby
from pathlib import Path

from vqaudio.core.errors import VqaudioError

MARK = "!"
TEXT, UTT2SPK, SPK2UTT, WAV_SCP = "text", "utt2spk", "spk2utt", "wav.scp"


def utterance_name(name: str, speaker: str | None) -> str:
    """Name an utterance; both are one word without MARK.

    >>> utterance_name("a/x.wav", "ada")
    'ada!a/x.wav'
    """
    return f"{speaker}{MARK}{name}" if speaker else name


def audio_command(root: Path, row_id: str) -> str:
    """Write how Kaldi reads a recording: its path, or a command that prints it as wav.

    Raises VqaudioError if there is no such file.
    """
    path = Path(os.path.abspath(root / row_id))
    if not path.is_file():
        raise VqaudioError(
            f"{path} is no file, so wav.scp cannot name it; --root is the folder whose files were tokenized; "
            "without it there is no wav.scp"
        )
    quoted, suffix = shlex.quote(str(path)), path.suffix.lower()
    if "\n" in quoted:
        raise VqaudioError(f"{str(path)!r} has a line end in its name, which wav.scp cannot hold; rename it")
    if suffix == ".wav":
        return str(path) if quoted == str(path) else f"cat {quoted} |"
    return f"flac -c -d -s {quoted} |" if suffix == ".flac" else f"ffmpeg -v error -i {quoted} -f wav - |"


def write_spk2utt(folder: Path) -> None:
    """Write spk2utt from a sorted utt2spk, in which the utterances of a speaker are neighbours."""
    with (
        open(folder / UTT2SPK, encoding="utf-8", newline="\n") as lines,
        open(folder / SPK2UTT, "w", encoding="utf-8", newline="\n") as out,
    ):
        pairs = (line.rstrip("\n").split(" ") for line in lines)
        for speaker, utterances in groupby(pairs, key=lambda pair: pair[1]):
            out.write(speaker)
            out.writelines(f" {utterance}" for utterance, _ in utterances)
            out.write("\n")
