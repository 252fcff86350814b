"""The option --segments of the verbs that encode."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vqaudio.core.segmentation import SegmentSetting


def add_segments_argument(parser: argparse.ArgumentParser) -> None:
    """Declare --segments, with a penalty or without."""
    parser.add_argument(
        "--segments",
        metavar="PENALTY",
        nargs="?",
        type=_penalty,
        const=True,
        help="segments of one code, as long as the sound stays near it, in place of a code for each frame; a higher "
        "penalty (4 if none is given) makes fewer; of one codebook: --codec units-16k, or --codebooks 1",
    )


def segments_of(args: argparse.Namespace) -> "SegmentSetting | None":
    """Read --segments, None where it is not given."""
    from vqaudio.core.segmentation import SegmentSetting

    if args.segments is None:
        return None
    return SegmentSetting() if args.segments is True else SegmentSetting(args.segments)


def _penalty(text: str) -> float:
    try:
        penalty = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no penalty; wanted a number, or nothing: then name the recordings before --segments"
        ) from None
    if not 0 <= penalty < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no penalty; wanted 0 or more")
    return penalty
