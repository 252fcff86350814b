"""Draw the pictures of README.md into data/.

    python recipes/pictures.py --out data                           # codes.png: a spectrogram over its codes
    python recipes/pictures.py --out data --evaluation eval.json    # rate_distortion.png too

eval.json: what `vqaudio evaluate --json` wrote; the model card of speech-16k has the command.
"""

import argparse
from pathlib import Path

import torch

from vqaudio.audio.files import read_audio
from vqaudio.codec.saving import open_codec
from vqaudio.core.durable import make_folder, replace_file
from vqaudio.corpora.alignment.alignments import read_textgrid
from vqaudio.jobs.evaluate.charts import write_rate_distortion
from vqaudio.jobs.evaluate.report import read_report
from vqaudio.probes.plots import code_timeline

RECORDING = Path(__file__).resolve().parents[1] / "data" / "samples" / "ada" / "ada_1.flac"


def draw_codes(path: Path) -> None:
    """Draw a sample's spectrogram and phones over its codes of units-16k."""
    codec = open_codec("units-16k")
    samples = read_audio(RECORDING, codec.grid.sample_rate_hz)
    with torch.inference_mode():
        codes = codec.encode(torch.from_numpy(samples)[None, None])[0, 0].numpy()
    phones = read_textgrid(RECORDING.with_suffix(".TextGrid"))
    figure = code_timeline(samples, codec.grid.sample_rate_hz, codes, codec.grid.frame_rate_hz, phones)
    replace_file(path, lambda temporary: figure.savefig(temporary, format="png", dpi=90))


def main() -> None:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--evaluation", type=Path, metavar="JSON")
    args = parser.parse_args()
    make_folder(args.out)
    draw_codes(args.out / "codes.png")
    if args.evaluation:
        for path in write_rate_distortion(read_report(args.evaluation)[0], args.out):
            if path.suffix == ".svg":
                path.unlink()


if __name__ == "__main__":
    main()
