"""`vqaudio sample --prior P --out DIR`: new speech from a prior, from nothing or after a spoken prompt.

    vqaudio sample --prior units-16k --out samples/
    vqaudio sample --prior runs/checkpoint-500 --like lm/ --out samples/

The prior ships with a codec, was trained by recipes/train_prior.py, or is a checkpoint (config.json, model.safetensors)
of a language model of transformers that learned from the export that --like names.

DIR gets a wav and a picture of each sample, the codes as a token store in DIR/tokens and as lines in DIR/codes.jsonl,
and sample.json, which says how they came about.  A sample ends where the prior ends it, or after --seconds.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqaudio.cli.terminal.paths import path_of
from vqaudio.core.printable import printable

if TYPE_CHECKING:
    from vqaudio.codec.model import Codec
    from vqaudio.jobs.voice.sampling import Request, Samples
    from vqaudio.prior.checkpoint import CheckpointPrior
    from vqaudio.prior.model import Prior


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--prior",
        metavar="NAME|DIR",
        required=True,
        help="a folder of recipes/train_prior.py, a checkpoint, or a codec's name",
    )
    like = "the export that a checkpoint learned from (default: export.json in its folder or the one above)"
    parser.add_argument("--like", metavar="EXPORT", type=path_of, help=like)
    parser.add_argument("--codec", metavar="NAME|DIR", help="default: the shipped codec that the prior names")
    parser.add_argument("--out", metavar="DIR", type=path_of, required=True, help="folder for the samples")
    parser.add_argument("--prompt", metavar="WAV", type=path_of, help="a recording that every sample continues")
    parser.add_argument("--seconds", type=float, default=10.0, help="of new speech, at most (default: 10)")
    parser.add_argument("--num", metavar="N", type=int, default=8, help="how many samples (default: 8)")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other samples (default: 0)")
    parser.add_argument("--temperature", metavar="T", type=float, default=1.0, help="0: the likeliest (default: 1)")
    parser.add_argument("--top-k", metavar="K", type=int, default=0, help="draw from the K likeliest (default: all)")
    parser.add_argument("--top-p", metavar="P", type=float, default=1.0, help="from the likeliest of share P together")
    parser.add_argument(
        "--repetition", metavar="R", type=float, default=1.0, help="above 1: fewer codes of the last second again"
    )
    parser.add_argument(
        "--speaker", metavar="NAME|WAV", help="whom the prior or the codec knows, or a recording whose voice it takes"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--no-pictures", action="store_true", help="no PNG files; they need vqaudio[plots]")
    parser.add_argument("--overwrite", action="store_true", help="replace samples that are there already")
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def run(args: argparse.Namespace) -> int:
    """Sample speech; 0 when all went well."""
    from vqaudio.cli.terminal.priors import open_any_prior
    from vqaudio.codec.foreign import ForeignCodec
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.stamps import open_stamped_speaking
    from vqaudio.jobs.voice.sample_files import require_room
    from vqaudio.jobs.voice.sampling import sample_speech

    request = request_of(args)
    prior = open_any_prior(args.prior, args.like, args.device)
    codec = open_stamped_speaking(prior.language.stamp, args.codec, args.device)
    if isinstance(codec, ForeignCodec):
        raise VqaudioError(f"samples are spoken by a codec of vqaudio; {codec.name} is one of transformers")
    require_room(args.out, is_overwriting=args.overwrite, has_pictures=not args.no_pictures)
    samples = sample_speech(prior, codec, request)
    decode_s = write_samples(args, prior, codec, samples)
    new_s = sum(codes.shape[1] - samples.prompt_frames for codes in samples.codes) / prior.language.stamp.frame_rate_hz
    if not args.quiet:
        print(f"samples   {len(samples.codes)}, {new_s:.1f} s of new speech")
        print(f"codes     {new_s / max(samples.wall_s, 1e-9):.1f} x real time, all samples at once")
        wall_s = samples.wall_s + decode_s
        print(f"in all    {new_s / max(wall_s, 1e-9):.1f} x real time, sound included")
        print(printable(f"files     {args.out}"))
    return 0


def request_of(args: argparse.Namespace) -> "Request":
    """Read the command line as a request.  Raises VqaudioError for a value that is none."""
    from vqaudio.jobs.voice.sampling import Request
    from vqaudio.prior.sampling import SamplingOptions

    options = SamplingOptions(args.temperature, args.top_k, args.top_p, args.repetition)
    return Request(args.num, args.seconds, args.prompt, args.speaker, args.seed, options)


def write_samples(
    args: argparse.Namespace, prior: "Prior | CheckpointPrior", codec: "Codec", samples: "Samples"
) -> float:
    """Decode and write all that DIR gets.  Returns the seconds that decoding took."""
    import time

    from vqaudio.jobs.voice.sample_files import start_folder, write_codes, write_picture, write_record, write_sound
    from vqaudio.jobs.voice.sampling import decode_samples

    stamp, decode_s, start_s = prior.language.stamp, 0.0, time.monotonic()
    start_folder(args.out)
    write_codes(args.out, samples.codes, stamp, args.speaker)
    for number, sound in enumerate(decode_samples(codec, samples)):
        decode_s += time.monotonic() - start_s
        write_sound(args.out, number, sound, stamp)
        if not args.no_pictures:
            write_picture(args.out, number, sound, samples, stamp)
        start_s = time.monotonic()
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
    facts: dict[str, Any] = {"asked": asked, "codec": stamp.to_json(), "prompt_frames": samples.prompt_frames}
    write_record(args.out, facts | {"sampling_s": round(samples.wall_s, 3), "decoding_s": round(decode_s, 3)})
    return decode_s
