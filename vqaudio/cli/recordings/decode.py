"""`vqaudio decode TOKENS --out WAV_DIR`: a token store, or what a language model sampled, becomes wav files.

    vqaudio decode tokens/ --out decoded/
    vqaudio decode in.codes out.wav
    vqaudio decode sampled.npy --like lm/ --out decoded/

A store of `vqaudio tokenize --pitch` is spoken with its pitch, with --speaker around the median of that voice.
A file that `vqaudio encode` or `vqaudio stream` wrote becomes one wav file.  With --like, TOKENS is a file of ids that
a model sampled which learned from the export `lm/`: .npy, .bin, .jsonl (also the codes.jsonl of `vqaudio sample`),
.parquet with input_ids, or lines of tokens or numbers.  Each row, cut where a document ends, becomes 0000.wav,
0001.wav, ...; ids without a meaning and frames without all their codes are counted.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqaudio.cli.terminal.paths import path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from vqaudio.cli.terminal.decodable import Decodable
    from vqaudio.codec.foreign import ForeignCodec
    from vqaudio.codec.model import Codec
    from vqaudio.jobs.voice.conversion import Voice
    from vqaudio.tokens.schema import CodecStamp, TokenRow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "tokens", metavar="TOKENS", type=path_of, help="a token store; with --like, a file of ids; a .codes file"
    )
    parser.add_argument("wav", metavar="OUT.wav", type=path_of, nargs="?", help="file to write for a .codes file")
    parser.add_argument("--like", metavar="EXPORT", type=path_of, help="the export that a model learned its ids from")
    repeat = "of an export with --deduplicate, where no durations stand beside the ids: frames of each run (default: 1)"
    parser.add_argument("--run-frames", metavar="N", type=int, default=1, help=repeat)
    parser.add_argument("--out", metavar="WAV_DIR", type=path_of, help="folder for the wav files")
    parser.add_argument("--codec", metavar="NAME|DIR", help="default: the shipped codec that the store names")
    parser.add_argument("--codebooks", metavar="K", type=int, help="decode the first K codebooks only (default: all)")
    voice = "of a codec with speaker conditioning: a speaker that it knows, or a recording of any (default: nobody)"
    parser.add_argument("--speaker", metavar="ID|REFERENCE.wav", help=voice)
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--resume", action="store_true", help="go on with a run that was stopped or killed")
    modes.add_argument("--overwrite", action="store_true", help="replace wav files that are there already")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")


def run(args: argparse.Namespace) -> int:
    """Decode a store or ids; 0 when all went well, 128 + N after signal N."""
    from vqaudio.cli.terminal.decodable import of_ids, of_store
    from vqaudio.cli.terminal.interruption import stop_on_signals
    from vqaudio.core.printable import printable
    from vqaudio.jobs.decoded_folder import decoded_folder
    from vqaudio.jobs.stamps import open_stamped_speaking
    from vqaudio.tokens.wire.file import is_codes_file

    if not args.like and is_codes_file(args.tokens):
        return decode_file(args)
    require_folder(args)
    store = of_ids(args.tokens, args.like, args.run_frames) if args.like else of_store(args.tokens)
    require_codebooks(args.codebooks, store.stamp, store.path)
    mode = "resume" if args.resume else "overwrite" if args.overwrite else "new"
    paths = choose_paths(store, args.out, mode)
    start_s = time.monotonic()
    codec = open_stamped_speaking(store.stamp, args.codec, args.device)
    with stop_on_signals() as stop:
        voice = voice_of(codec, args.speaker)
        origin = origin_of(args, store, voice)
        with decoded_folder(args.out, paths.values(), origin, mode):
            num_files, num_samples, num_before = write_files(args, store, codec, paths, stop, voice)
        wall_s = time.monotonic() - start_s
        if not args.quiet:
            audio_s = num_samples / store.stamp.sample_rate_hz
            for line in store.notes:
                print(line)
            before = f", {num_before:,} were there already" if num_before else ""
            print(f"files     {num_files:,} of {len(store.ids):,} decoded{before}")
            print(f"audio     {audio_s / 3600:.2f} h in {wall_s:.0f} s, {audio_s / max(wall_s, 1e-9):.0f} x real time")
            print(printable(f"wav files {args.out}"))
            if voice is not None:
                print(printable(f"voice     {voice.name}"))
            if store.stamp.pitch_steps:
                print(f"pitch     {pitch_in_words(codec, args.speaker)}")
        if stop.is_set():
            print("stopped; the files that are there are whole: --resume goes on", file=sys.stderr)
            return stop.exit_status
    return 0


def decode_file(args: argparse.Namespace) -> int:
    """Decode a .codes file to one wav file; 0 when all went well."""
    from vqaudio.cli.terminal.paths import require_free
    from vqaudio.core.errors import VqaudioError
    from vqaudio.core.printable import printable
    from vqaudio.jobs.one_recording import decode_recording
    from vqaudio.jobs.stamps import open_stamped_speaking
    from vqaudio.tokens.wire.file import read_codes

    out = args.wav or args.out
    if out is None or (args.wav and args.out) or args.resume:
        raise VqaudioError(f"{args.tokens} holds the codes of one recording: vqaudio decode {args.tokens} OUT.wav")
    require_free(out, ".wav", args.tokens, is_overwriting=args.overwrite)
    content = read_codes(args.tokens)
    require_codebooks(args.codebooks, content.stamp, args.tokens)
    codec = open_stamped_speaking(content.stamp, args.codec, args.device)
    voice = voice_of(codec, args.speaker)
    decode_recording(codec, content, out, args.codebooks, embedding=None if voice is None else voice.embedding)
    if not args.quiet:
        print(printable(f"{out}: {content.num_samples / content.stamp.sample_rate_hz:.2f} s"))
        if voice is not None:
            print(printable(f"voice {voice.name}"))
    return 0


def require_folder(args: argparse.Namespace) -> None:
    """Check that there is a folder for wav files and no single one.  Raises VqaudioError otherwise."""
    from vqaudio.core.errors import VqaudioError

    if args.wav is not None:
        raise VqaudioError(f"{args.tokens} is no .codes file, which alone becomes one wav file; wanted --out WAV_DIR")
    if args.out is None:
        raise VqaudioError("wanted a folder for the wav files: --out WAV_DIR")


def require_codebooks(num_codebooks: int | None, stamp: "CodecStamp", path: Path) -> None:
    """Check the number of codebooks.  Raises VqaudioError if the store does not have that many."""
    from vqaudio.core.errors import VqaudioError

    if num_codebooks is not None and not 1 <= num_codebooks <= stamp.num_codebooks:
        raise VqaudioError(
            f"{path} holds {stamp.num_codebooks} codebooks; --codebooks must be 1 to {stamp.num_codebooks}, got "
            f"{num_codebooks}"
        )


def choose_paths(store: "Decodable", out: Path, mode: str) -> dict[str, Path]:
    """Map every id to the path of its sound.

    Raises VqaudioError if an id is unsafe or, in the mode "new", if a file is there already.
    """
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.naming import wav_names

    paths = {row_id: out / name for row_id, name in wav_names(store.ids).items()}
    there = [path for path in paths.values() if path.exists()] if mode == "new" else []
    if there:
        raise VqaudioError(
            f"{there[0]} is there already, and {len(there) - 1} others; choose another --out, --resume to go on with a "
            "run that was stopped, or --overwrite"
        )
    return paths


def origin_of(args: argparse.Namespace, store: "Decodable", voice: "Voice | None") -> dict[str, Any]:
    """Collect all that the sound of the files depends on, as JSON values."""
    import hashlib

    import vqaudio

    voice_bytes = b"" if voice is None else voice.embedding.detach().cpu().numpy().tobytes()
    return {
        "store": store.sha256,
        "codec": store.stamp.to_json(),
        "codebooks": args.codebooks or store.stamp.num_codebooks,
        "voice": hashlib.sha256(voice_bytes).hexdigest() if voice_bytes else None,
        "device": args.device,
        "version": vqaudio.__version__,
    }


def voice_of(codec: "Codec | ForeignCodec", speaker: str | None) -> "Voice | None":
    """Choose the speaker embedding; None for a codec without speakers.

    Raises VqaudioError if it does not know that one.
    """
    from vqaudio.codec.foreign import ForeignCodec
    from vqaudio.codec.speakers import resolve_speaker_embeddings
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.voice.conversion import Voice, find_voice

    if isinstance(codec, ForeignCodec):
        if speaker is not None:
            raise VqaudioError(f"{codec.name} has no speaker conditioning; leave --speaker out")
        return None
    if speaker is not None:
        return find_voice(codec, speaker)
    nobody = resolve_speaker_embeddings(codec, None, None, 1)
    return None if nobody is None else Voice("nobody in particular: what was usual in training (see --speaker)", nobody)


def pitch_spoken(codec: "Codec | ForeignCodec", voice: "Voice | None") -> "Callable[[TokenRow], dict[str, Any]]":
    """Choose the pitch that rows are spoken with, as fields of a row: theirs, where the codec takes pitch.

    voice: whose median it is put around; None leaves that of each row.
    """
    from vqaudio.codec.foreign import ForeignCodec
    from vqaudio.jobs.voice.conversion import median_of_voice

    if isinstance(codec, ForeignCodec) or not codec.pitch_steps:
        return without_pitch
    median_hz = None if voice is None else median_of_voice(codec, voice)
    return lambda row: {} if row.pitch is None or median_hz is None else {"pitch_median_hz": median_hz}


def pitch_in_words(codec: "Codec | ForeignCodec", speaker: str | None) -> str:
    """Say what becomes of the pitch in a store."""
    if pitch_spoken(codec, None) is without_pitch:
        return "left out: the codec takes none"
    return f"of the store, {'around the median of that voice' if speaker else 'as high as it was'}"


def without_pitch(row: "TokenRow") -> dict[str, Any]:
    """Choose no pitch for a row."""
    return {"pitch": None, "pitch_median_hz": 0.0}


def write_files(
    args: argparse.Namespace,
    store: "Decodable",
    codec: "Codec | ForeignCodec",
    paths: dict[str, Path],
    stop: "Event",
    voice: "Voice | None" = None,
) -> tuple[int, int, int]:
    """Decode all rows, or with --resume those whose files are not whole.

    Returns how many were decoded, how many samples they have, and how many were there already.
    """
    from vqaudio.cli.terminal.progress import RunProgress, shown
    from vqaudio.jobs.codec_streams import decoders_of
    from vqaudio.jobs.decoded_folder import is_whole
    from vqaudio.jobs.decoding import decode_rows

    rate_hz = store.stamp.sample_rate_hz
    make_decoder, num_threads = decoders_of(codec, None if voice is None else voice.embedding)
    pitch_of = pitch_spoken(codec, voice if args.speaker else None)
    num_files = num_samples = num_before = 0
    with shown(RunProgress(store.num_samples, len(store.ids), is_quiet=args.quiet)) as progress:

        def todo() -> "Iterator[TokenRow]":
            nonlocal num_before
            for row in store.rows:
                if args.resume and is_whole(paths[row.id], row.num_samples):
                    num_before += 1
                    progress.finish_file(row.num_samples)
                else:
                    yield replace(row, **pitch_of(row))

        for row in decode_rows(
            todo(),
            paths.__getitem__,
            make_decoder,
            sample_rate_hz=rate_hz,
            num_codebooks=args.codebooks,
            num_threads=num_threads,
            stop=stop,
        ):
            num_files, num_samples = num_files + 1, num_samples + row.num_samples
            progress.finish_file(row.num_samples)
            progress.update(num_samples / rate_hz)
    return num_files, num_samples, num_before
